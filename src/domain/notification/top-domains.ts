// Which endings make a name with dots a domain, and which make it the name of a file.

const GENERIC =
  'com net org edu gov mil int info biz mobi asia jobs travel museum coop aero xxx app dev page cloud online site ' +
  'website web store shop tech blog live life link click club top xyz icu vip cyou cfd sbs bond quest work world today ' +
  'news space fun win bid loan date men party review stream trade download support help email services solutions ' +
  'digital agency company network systems bank finance credit social chat games wiki zone center global example onion';

/** Domains in other scripts; the list of Chinese ones is short, because they are words. */
const INTERNATIONAL =
  'рф рус укр бел срб москва дети онлайн сайт орг ком қаз мкд мон бг ею ελ ευ հայ გე 中国 中國 公司 网络 網絡 网址 网站 ' +
  '中文网 在线 商城 手机 香港 台湾 台灣 新加坡 한국 닷컴 닷넷 コム みんな भारत ไทย قطر مصر امارات السعودية إيران ایران شبكة';

/** The two-letter domains of countries, by first letter. */
const COUNTRIES =
  'acdefgilmoqrstuwxz babdefghijmnorstvwyz cacdfghiklmnoruvwxyz dejkmoz ecegrstu fijkmor gabdefghilmnpqrstuwy hkmnrtu ' +
  'idelmnoqrst jemop keghimnprwyz labcikrstuvy macdeghklmnopqrstuvwxyz nacefgilopruz om paefghklmnrstwy qa reosuw ' +
  'sabcdeghiklmnorstuvxyz tcdfghjklmnortvwz uagksyz vaceginu wfs yet zamw';

const DOMAINS: ReadonlySet<string> = new Set([
  ...GENERIC.split(' '),
  ...INTERNATIONAL.split(' '),
  ...COUNTRIES.split(' ').flatMap(([first = '', ...seconds]) => seconds.map((s) => first + s)),
]);

/** Domains that end the names of files more often: only a path behind them makes a link. */
const ALSO_FILES: ReadonlySet<string> = new Set(
  'cc md ml mm pl pm ps py rs sh so st tf'.split(' '),
);

/** Endings of files that are no domains, with a path behind or without. */
const FILES: ReadonlySet<string> = new Set(
  (
    'ts js tsx jsx mjs cjs mts json ndjson yaml yml toml xml html htm css txt csv pdf doc docx xls xlsx ppt pptx odt ics ' +
    'png jpg jpeg gif svg mp3 mp4 gz tar tgz sql db log java kt rb php go exe ini conf lock bak'
  ).split(' '),
);

/** Words that begin a sentence behind a full stop without a space: `done.It goes on`. */
const SENTENCE_STARTS: ReadonlySet<string> = new Set(
  'it is in at so no my me to as be do am es im il et la'.split(' '),
);

const PUNYCODE = /^xn--[a-z0-9-]+$/u;

/** True for an ending that alone makes a name a link. @param written the ending as it is written, in any case */
export function isTopDomain(written: string): boolean {
  const top = written.toLowerCase();
  if (ALSO_FILES.has(top)) return false;
  const isSentence = SENTENCE_STARTS.has(top) && /^\p{Lu}\p{Ll}$/u.test(written);
  return !isSentence && (DOMAINS.has(top) || PUNYCODE.test(top));
}

/** True for an ending with which a name is a link where a path, a port or a query follows. */
export function mayBeTopDomain(written: string): boolean {
  const top = written.toLowerCase();
  return (/^\p{L}{2,63}$/u.test(top) || PUNYCODE.test(top)) && !FILES.has(top);
}
