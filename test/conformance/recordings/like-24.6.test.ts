import { replays } from './suite.ts';

replays('24.6.0', '24.6');
