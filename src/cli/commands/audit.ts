// `tocsin audit`: the commands that read the log and compare other parts with it. None of them can send.
import type { Command } from 'commander';
import { auditCompareCommand } from './audit-compare.ts';
import { auditExplainCommand } from './audit-explain.ts';
import { auditExportCommand } from './audit-export.ts';
import { auditProveCommand } from './audit-prove.ts';
import { auditRebuildCommand } from './audit-rebuild.ts';
import { auditReplayCommand } from './audit-replay.ts';
import { auditSimulateCommand } from './audit-simulate.ts';
import { auditVerifyCommand } from './audit-verify.ts';

export function auditCommand(program: Command): void {
  const audit = program
    .command('audit')
    .description('replay, verify, explain, simulate, prove and export the log');
  auditReplayCommand(audit);
  auditRebuildCommand(audit);
  auditVerifyCommand(audit);
  auditSimulateCommand(audit);
  auditExplainCommand(audit);
  auditProveCommand(audit);
  auditExportCommand(audit);
  auditCompareCommand(audit);
}
