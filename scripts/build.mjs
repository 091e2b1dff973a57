// Emits dist from nothing: what an older build left there must not be published.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
const tsc = [`node_modules/typescript/bin/tsc`, '-p', 'tsconfig.build.json'];
const { status } = spawnSync(process.execPath, tsc, { stdio: 'inherit' });
process.exitCode = status ?? 1;
