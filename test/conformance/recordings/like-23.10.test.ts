import { replays } from './suite.ts';

replays('23.10.6', '23.10');
