// A relay or a projector in a process of its own, to be killed midway. `node killed-child.ts outbox|tocsin FOLDER URL`
import { join } from 'node:path';
import { projectInto } from '../support/store.ts';
import { outboxRelay } from './outbox.ts';

const [kind, folder = '', url = ''] = process.argv.slice(2);

if (kind === 'outbox') await outboxRelay(url, join(folder, 'outbox.db'));
else await projectInto({ store: join(folder, 'log.db'), state: join(folder, 'state.db') }, url);
process.exit(0);
