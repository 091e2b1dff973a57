// The linter's rules that say what "pure" and "no unchecked cast" mean here. A verdict must come out
// the same on another machine, in another zone, in ten years: so nothing in the pure folders may read
// the clock, the zone, the locale, chance or the process.

/** @typedef {{ selector: string, message: string }} Ban */

const notConst = ':not([typeAnnotation.typeName.name="const"])';

/** A cast is a claim that nothing checks. @type {Ban[]} */
export const noCasts = [
  {
    selector: `TSAsExpression${notConst}`,
    message: 'No unchecked cast: narrow with a guard, parse with zod, or annotate the variable.',
  },
  { selector: 'TSTypeAssertion', message: 'No unchecked cast: narrow with a guard or parse.' },
];

/** Tests build broken input on purpose, so they may cast once; never through `unknown`. @type {Ban[]} */
export const noDoubleCasts = [
  {
    selector: 'TSAsExpression > TSAsExpression',
    message: 'No cast through another cast: it says that the types are wrong.',
  },
];

/** src: V8 reads some keys by what it has read before (src/domain/core/escaped-keys.ts). */
export const noNativeJson = {
  object: 'JSON',
  property: 'parse',
  message: 'Take parseJson or tryParseJson of src/domain/core/json.ts.',
};

/** @type {Ban[]} */
const noAmbientTime = [
  {
    selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
    message: 'The clock is an argument here: take `now`.',
  },
  {
    selector: 'NewExpression[callee.name="Date"][arguments.length>1]',
    message: "This reads the machine's time zone: use Date.UTC.",
  },
  {
    selector: 'CallExpression[callee.name="Date"]',
    message: 'The clock is an argument: take `now`.',
  },
  {
    selector:
      'MemberExpression[property.name=/^[gs]et(FullYear|Month|Date|Day|Hours|Minutes|Seconds|Milliseconds|TimezoneOffset)$/]',
    message: "This reads the machine's time zone: use the UTC accessor.",
  },
  {
    selector: 'MemberExpression[property.name=/^(toLocale\\w*String|localeCompare)$/]',
    message: "This reads the machine's locale: compare and print bytewise.",
  },
];

const timers = ['setTimeout', 'setInterval', 'setImmediate'];
const ambient = ['process', 'performance', 'crypto', 'fetch', 'globalThis', 'global', 'require'];

const noAmbientProperties = [
  { object: 'Date', property: 'now', message: 'The clock is an argument here: take `now`.' },
  { object: 'Math', property: 'random', message: 'Ids and chance are arguments here.' },
];

// Of uuid only what is a function of its arguments.
const pureUuid = {
  name: 'uuid',
  allowImportNames: ['v5', 'parse', 'stringify', 'validate', 'version'],
  message: 'Only name-based ids (v5) here: a random id comes in as an argument.',
};

const impureCrypto = {
  importNames: [
    'default',
    'webcrypto',
    'randomUUID',
    'randomBytes',
    'randomInt',
    'randomFill',
    'randomFillSync',
    'getRandomValues',
  ],
  message: 'Hashes only: a random id comes in as an argument.',
};

/**
 * @param {string[]} globals
 * @param {object} imports
 * @returns {import('eslint').Linter.RulesRecord}
 */
function pure(globals, imports) {
  return {
    'no-restricted-globals': [
      'error',
      ...globals.map((name) => ({
        name,
        message: 'Not in a pure folder: take it as an argument or a port.',
      })),
    ],
    'no-restricted-properties': ['error', noNativeJson, ...noAmbientProperties],
    'no-restricted-syntax': ['error', ...noCasts, ...noAmbientTime],
    'no-restricted-imports': ['error', imports],
  };
}

const nodeModules = { regex: '^node:', message: 'The domain knows nothing of Node.' };

/** src/domain */
export const pureDomain = pure([...timers, ...ambient], {
  paths: [pureUuid],
  patterns: [nodeModules],
});

/** src/projections: also hashes. */
export const pureProjections = pure([...timers, ...ambient], {
  paths: [pureUuid, { name: 'node:crypto', ...impureCrypto }],
  patterns: [{ regex: '^node:(?!crypto$)', message: 'Of Node, only hashes here.' }],
});

/** src/projections/publisher: also timers, for deadlines and backoff; still no clock of its own. */
export const pureRunner = pure(ambient, {
  paths: [pureUuid, { name: 'node:crypto', ...impureCrypto }],
  patterns: [
    {
      regex: '^node:(?!crypto$|timers$|timers/promises$)',
      message: 'Of Node, only hashes and timers here.',
    },
  ],
});
