// `tocsin audit`: what the log says was decided, and whether everything else agrees. Nothing can be
// sent from here: the commands are in files of their own, beside this one.
import type { Command } from 'commander';
import { auditExplainCommand } from './audit-explain.ts';
import { auditExportCommand } from './audit-export.ts';
import { auditRebuildCommand } from './audit-rebuild.ts';
import { auditReplayCommand } from './audit-replay.ts';
import { auditSimulateCommand } from './audit-simulate.ts';
import { auditVerifyCommand } from './audit-verify.ts';

export function auditCommand(program: Command): void {
  const audit = program.command('audit').description('ask the log what was decided, and why');
  auditReplayCommand(audit);
  auditRebuildCommand(audit);
  auditVerifyCommand(audit);
  auditSimulateCommand(audit);
  auditExplainCommand(audit);
  auditExportCommand(audit);
}
