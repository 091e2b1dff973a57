import { replays } from './suite.ts';

replays('24.10.9', '24.10');
