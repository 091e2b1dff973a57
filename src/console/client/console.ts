// What the pages do in the browser: times in the reader's zone, the copy button, the live feed, and jobs in progress.
// All pages work without it; times are then in UTC.

/** The reader's form of the page's language, such as en-GB. */
const { lang } = document.documentElement;
const language =
  navigator.languages.find((each) => each.split('-')[0] === lang.split('-')[0]) ?? lang;

showTimes(document);
for (const button of document.querySelectorAll<HTMLButtonElement>('[data-copy]')) copyOn(button);
for (const feed of document.querySelectorAll<HTMLElement>('[data-feed]')) follow(feed);
if (document.querySelector('[data-poll]') !== null) setTimeout(lookAgain, 1_000);

/** Shows each instant in the reader's zone; the text on hover stays UTC. */
function showTimes(within: ParentNode): void {
  const whole = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' });
  const short = new Intl.DateTimeFormat(language, { timeStyle: 'short' });
  for (const time of within.querySelectorAll('time')) {
    const instant = new Date(time.dateTime);
    if (Number.isNaN(instant.getTime())) continue;
    time.textContent = ('short' in time.dataset ? short : whole).format(instant);
  }
}

function copyOn(button: HTMLButtonElement): void {
  const text = document.getElementById(button.dataset['copy'] ?? '');
  const state = button.parentElement?.querySelector<HTMLElement>('[data-copied]');
  button.addEventListener('click', () => {
    // The clipboard may be denied: then the text is selected, to be copied by hand.
    navigator.clipboard.writeText(text?.textContent.trim() ?? '').then(
      () => {
        if (state) state.textContent = state.dataset['copied'] ?? '';
      },
      () => {
        if (text) getSelection()?.selectAllChildren(text);
      },
    );
  });
}

/** Lines in the list; older lines are removed. */
const MAX_LINES = 100;

type FeedLine = { at: string; id: string | null; text: string };

function isLine(value: unknown): value is FeedLine {
  return typeof value === 'object' && value !== null && 'at' in value && 'text' in value;
}

function follow(feed: HTMLElement): void {
  const state = document.querySelector<HTMLElement>('[data-feed-state]');
  const button = document.querySelector<HTMLButtonElement>('[data-pause]');
  const pauseText = button?.textContent ?? '';
  let held: FeedLine[] = [];
  let isPaused = false;
  const show = (line: FeedLine): void => {
    feed.prepend(itemOf(feed, line));
    while (feed.children.length > MAX_LINES) feed.lastElementChild?.remove();
  };
  const source = new EventSource(feed.dataset['feed'] ?? '');
  source.addEventListener('open', () => {
    if (state) state.textContent = feed.dataset['open'] ?? '';
  });
  source.addEventListener('message', ({ data }) => {
    const line: unknown = JSON.parse(String(data));
    if (!isLine(line)) return;
    if (isPaused) held = [...held, line].slice(-MAX_LINES);
    else show(line);
  });
  source.addEventListener('error', () => {
    if (state) state.textContent = feed.dataset['lost'] ?? '';
  });
  addEventListener('pagehide', () => {
    source.close();
  });
  if (button === null) return;
  button.hidden = false;
  button.addEventListener('click', () => {
    isPaused = !isPaused;
    button.textContent = isPaused ? (button.dataset['resume'] ?? '') : pauseText;
    button.setAttribute('aria-pressed', String(isPaused));
    if (isPaused) return;
    held.forEach(show);
    held = [];
  });
}

function itemOf(feed: HTMLElement, { at, id, text }: FeedLine): HTMLElement {
  const item = document.createElement('li');
  const time = document.createElement('time');
  time.dateTime = at;
  time.title = at;
  const words = document.createElement(id === null ? 'span' : 'a');
  words.textContent = text;
  if (id !== null)
    words.setAttribute('href', `${feed.dataset['story'] ?? ''}${encodeURIComponent(id)}`);
  item.append(time, ' ', words);
  showTimes(item);
  return item;
}

/** Loads the page of a running job again, and shows its new content in place. */
async function lookAgain(): Promise<void> {
  const response = await fetch(location.href).catch(() => undefined);
  const text = response?.ok === true ? await response.text() : undefined;
  const next = text && new DOMParser().parseFromString(text, 'text/html').querySelector('main');
  if (next) {
    document.querySelector('main')?.replaceWith(next);
    showTimes(next);
  }
  if (document.querySelector('[data-poll]') !== null) setTimeout(lookAgain, 1_000);
}
