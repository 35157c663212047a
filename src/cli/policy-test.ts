import { defaults } from "../api/defaults.ts";
import { parseXmppFederation } from "../api/parse.ts";
import { configMaps as lists } from "../kubernetes/resources.ts";
import { explainDecision } from "../model/policy/explain.ts";
import { type Direction, decide, type PolicyRules } from "../model/policy/rules.ts";
import { describeProblems } from "../model/problem.ts";
import { connectionHelp, connectionOptions, domainGiven, parseArguments, positionals } from "./arguments.ts";
import type { Command } from "./command.ts";
import { type ClusterAccess, type ConnectionSettings, withCluster } from "./connect.ts";
import { type DataForm, dataForm, dataText } from "./data.ts";
import { Failure, UsageError } from "./failure.ts";
import { chosenFederation } from "./federations.ts";
import { readManifest } from "./manifest.ts";
import { policyInForce, type ReadPolicy, readPolicy } from "./policies.ts";
import { table } from "./table.ts";
import type { Terminal } from "./terminal.ts";

const name = "policy test";
const options = {
	...connectionOptions,
	direction: { type: "string" },
	federation: { type: "string" },
	filename: { type: "string", short: "f" },
	output: { type: "string", short: "o" },
} as const;

function directionsOf(given: string | undefined): readonly Direction[] {
	if (given === undefined) return ["Incoming", "Outgoing"];
	if (given === "in") return ["Incoming"];
	if (given === "out") return ["Outgoing"];
	throw new UsageError(`--direction takes in or out, not ${JSON.stringify(given)}`, name);
}

export const policyTest: Command = {
	name,
	summary: "what a policy decides about a domain, and why",
	help: `Says whether messages from and to a domain pass, and what decides that.

Usage: kubectl xmppfed policy test DOMAIN [--direction in|out] [--federation NAME | -f FILE] [-o json|yaml]

      --direction in|out what the domain sends, or what is sent to it; by default both
      --federation NAME  the policy in force of this XmppFederation; by default of the only one in the namespace
  -f, --filename FILE    the FederationPolicy in this file, whether it is in force or not; - is standard input.
                         ConfigMaps of the file count before those of the cluster, which is asked for the others alone
  -o, --output FORM      json or yaml: the decisions as data
${connectionHelp}

It needs the rights to list FederationPolicies and to get ConfigMaps; with a file that has its ConfigMaps, no cluster.
Exit code: 0 all that was asked passes, 2 something is denied (also where the policy is in Audit, which lets it
through); 1 error.`,
	examples: ["policy test partner.example", "policy test partner.example --direction in -f policy.yaml"],
	options,
	takes: ["domain"],
	run: async (args, terminal) => {
		const { values, positionals: given } = parseArguments(name, args, options);
		const [text = ""] = positionals(name, given, ["DOMAIN"], 1);
		const domain = domainGiven(name, text);
		const directions = directionsOf(values.direction);
		if (values.filename !== undefined && values.federation !== undefined) {
			throw new UsageError("the file's policy names its federation: leave --federation out", name);
		}
		const form = dataForm(name, values.output);
		const policy =
			values.filename === undefined
				? await withCluster(values, async (access) => await ofFederation(access, values.federation))
				: await ofFile(values.filename, values, terminal);
		return await tell(domain, directions, policy, form, terminal);
	},
};

interface AskedPolicy {
	/** Such as `FederationPolicy partners`. */
	readonly title: string;
	readonly rules: PolicyRules;
	readonly enforcement: "Enforce" | "Audit";
}

async function ofFile(file: string, settings: ConnectionSettings, terminal: Terminal): Promise<AskedPolicy> {
	const where = file === "-" ? "standard input" : file;
	const { policies, configMaps } = readManifest(await terminal.read(file), where);
	const [policy, ...others] = policies;
	if (!policy) throw new Failure(`there is no FederationPolicy in ${where}`);
	if (others.length > 0)
		throw new Failure(`there are ${policies.length} FederationPolicies in ${where}: ask about one`);
	const list = async (configMap: string) =>
		await withCluster(
			settings,
			async ({ client, namespace }) => await client.get(lists, policy.metadata.namespace ?? namespace, configMap),
		);
	return asked(await readPolicy(policy, configMaps, list));
}

async function ofFederation({ client, namespace }: ClusterAccess, given: string | undefined): Promise<AskedPolicy> {
	const found = await chosenFederation(client, namespace, given);
	const federation = found.metadata.name;
	const policy = await policyInForce(client, namespace, federation);
	if (policy) return asked(policy);
	const parsed = parseXmppFederation(found);
	const verdict = (parsed.ok ? parsed.value.spec.defaultPolicy : undefined) ?? defaults.defaultPolicy;
	return {
		title: `defaultPolicy of XmppFederation ${federation}, which has no FederationPolicy`,
		rules: { default: verdict, exceptions: new Map() },
		enforcement: "Enforce",
	};
}

function asked({ name: policy, compilation }: ReadPolicy): AskedPolicy {
	if (!compilation.ok) {
		throw new Failure(
			`FederationPolicy ${policy} cannot be used: ${describeProblems(compilation.problems)}\n` +
				"What was in force before stays in force: the status of the gateways shows it.",
		);
	}
	const { rules, intent } = compilation.policy;
	return { title: `FederationPolicy ${policy}`, rules, enforcement: intent.enforcement };
}

async function tell(
	domain: string,
	directions: readonly Direction[],
	{ title, rules, enforcement }: AskedPolicy,
	form: DataForm | undefined,
	terminal: Terminal,
): Promise<number> {
	const decisions = directions.map((direction) => {
		const decision = decide(rules, domain, direction);
		return { direction, verdict: decision.verdict, because: explainDecision(decision, direction, rules) };
	});
	const isDenied = decisions.some(({ verdict }) => verdict === "Deny");
	if (form) {
		await terminal.print(dataText(form, { domain, policy: title, enforcement, decisions }));
		return isDenied ? 2 : 0;
	}
	const rows = decisions.map(({ direction, verdict, because }) => [
		direction === "Incoming" ? "in" : "out",
		terminal.paint(verdict === "Deny" ? "red" : "green", verdict),
		because,
	]);
	await terminal.print(`${title}, about ${domain}\n${table(["DIRECTION", "DECISION", "BECAUSE"], rows)}`);
	if (isDenied && enforcement === "Audit") {
		terminal.note("The policy is in Audit: nothing is denied, and the gateways list whom they would have denied.");
	}
	return isDenied ? 2 : 0;
}
