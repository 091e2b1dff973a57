// The languages of the console, and which of them a browser gets.
import { chinese } from './texts-zh-cn.ts';
import { english, type Texts } from './texts-en.ts';

export type { Texts };

/** Each language with its own name. */
export const LANGUAGES = [
  ['en', 'English'],
  ['zh-CN', '中文'],
] as const;

export type Language = (typeof LANGUAGES)[number][0];

const TEXTS: Readonly<Record<Language, Texts>> = { en: english, 'zh-CN': chinese };

// A receiver may call its reason "constructor": a label must not be found in the prototype of all objects.
for (const { verdicts, statuses, reasons, deliveryReasons, events } of Object.values(TEXTS)) {
  for (const labels of [verdicts, statuses, reasons, deliveryReasons, events])
    Object.setPrototypeOf(labels, null);
}

export function textsOf(language: Language): Texts {
  return TEXTS[language];
}

export function isLanguage(text: string | undefined): text is Language {
  return LANGUAGES.some(([language]) => language === text);
}

/** The first language of an Accept-Language header that the console has. */
export function accepted(header: string | null): Language {
  for (const part of (header ?? '').split(',')) {
    const name = part.trim().toLowerCase();
    if (name.startsWith('zh')) return 'zh-CN';
    if (name.startsWith('en')) return 'en';
  }
  return 'en';
}
