import { check } from "./check.ts";
import type { CommandGroup, Commands } from "./command.ts";
import { completion } from "./completion.ts";
import { diagnose } from "./diagnose.ts";
import { dnsCheck } from "./dns-check.ts";
import { dnsShow } from "./dns-show.ts";
import { firewall } from "./firewall.ts";
import { logs } from "./logs.ts";
import { pause } from "./pause.ts";
import { peers } from "./peers.ts";
import { plan } from "./plan.ts";
import { policyAudit } from "./policy-audit.ts";
import { policyTest } from "./policy-test.ts";
import { restart } from "./restart.ts";
import { resume } from "./resume.ts";
import { status } from "./status.ts";
import { version } from "./version.ts";

const dns: CommandGroup = { name: "dns", summary: "records to publish, and look-ups", commands: [dnsShow, dnsCheck] };
const policy: CommandGroup = {
	name: "policy",
	summary: "whom a federation exchanges messages with",
	commands: [policyTest, policyAudit],
};

/** All of the program, in the order of its help. */
export const commands: Commands = [
	plan,
	status,
	peers,
	check,
	diagnose,
	logs,
	restart,
	pause,
	resume,
	dns,
	firewall,
	policy,
	completion,
	version,
];
