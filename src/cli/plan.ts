import { type Parsed, parseChatNodeAlias, parseFederationPolicy, parseXmppFederation, statusOf } from "../api/parse.ts";
import type { KubernetesObject } from "../kubernetes/object.ts";
import type { AcceptedAlias, JudgedAlias } from "../model/aliases.ts";
import { denyAll, recordedPolicy } from "../model/policy/in-force.ts";
import { describeProblems } from "../model/problem.ts";
import { aliasesIn, federationOfAlias, judgeIn } from "./aliases.ts";
import { type RunningNode, runningNodes } from "./applied-nodes.ts";
import { connectionHelp, connectionOptions, parseArguments, positionals } from "./arguments.ts";
import type { Command } from "./command.ts";
import { type ClusterAccess, withCluster } from "./connect.ts";
import { type DataForm, dataForm, dataText } from "./data.ts";
import { propose } from "./dry-run.ts";
import { explain, Failure, UsageError } from "./failure.ts";
import { viewOf } from "./federation-view.ts";
import { federations } from "./federations.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import { planText } from "./plan-text.ts";
import {
	federationOf,
	noFiles,
	type PolicyFiles,
	type PolicyObject,
	policyInForce,
	type ReadPolicy,
} from "./policies.ts";
import { type PolicyInput, type RestartPlan, restartPlan, restartsAnything } from "./restart-plan.ts";
import { storedFederation } from "./stored.ts";
import type { Terminal } from "./terminal.ts";

const options = {
	...connectionOptions,
	filename: { type: "string", short: "f", multiple: true },
	output: { type: "string", short: "o" },
} as const;

export const plan: Command = {
	name: "plan",
	summary: "what applying a file would restart, and why",
	help: `Shows what applying a file would restart, start and remove, in which order and why. Nothing is applied.

Usage: kubectl xmppfed plan -f FILE [-f FILE...] [-n NAMESPACE] [-o json|yaml]

  -f, --filename FILE    YAML, with any number of documents, or JSON; - is standard input
  -o, --output FORM      json or yaml: the plan as data
${connectionHelp}

The API server checks the file as it would check an apply (dry run), so what it refuses is shown. No Secret is
read: whether a Secret of another name holds another content is not known, and told so. It needs the rights to list
FederationPolicies, ChatNodeAliases and Deployments, to get ConfigMaps, and, for the dry run, to patch XmppFederations.

Exit code: 0 nothing restarts, 2 nodes restart or are removed, or may; 1 error.`,
	examples: ["plan -f federation.yaml", "plan -f federation.yaml -f policy.yaml -o yaml"],
	options,
	takes: [],
	run: async (args, terminal) => {
		const { values, positionals: given } = parseArguments("plan", args, options);
		positionals("plan", given, [], 0);
		const form = dataForm("plan", values.output);
		const files = values.filename ?? [];
		if (files.length === 0) throw new UsageError("-f FILE is missing: what is to be applied", "plan");
		const manifests: Manifest[] = [];
		for (const file of files) {
			manifests.push(readManifest(await terminal.read(file), file === "-" ? "standard input" : file));
		}
		return await withCluster(values, async (access) => await planAll(manifests, access, form, terminal));
	},
};

async function planAll(
	manifests: readonly Manifest[],
	access: ClusterAccess,
	form: DataForm | undefined,
	terminal: Terminal,
): Promise<number> {
	const files = {
		aliases: manifests.flatMap(({ aliases }) => aliases),
		policies: manifests.flatMap(({ policies }) => policies),
		configMaps: manifests.flatMap(({ configMaps }) => configMaps),
	};
	const lists = new Set(files.policies.flatMap(listsOf).map((list) => `ConfigMap/${list}`));
	const ignored = manifests.flatMap(({ others }) => others).filter((object) => !lists.has(object));
	const targets = targetsOf(
		manifests.flatMap(({ federations: given }) => given),
		files,
		access,
	);
	if (ignored.length > 0) {
		terminal.note(
			`note: only XmppFederations, FederationPolicies and ChatNodeAliases are looked at, not ${ignored.join(", ")}`,
		);
	}
	if (targets.length === 0) terminal.note("note: there is no XmppFederation to plan for");
	const plans: RestartPlan[] = [];
	let failed = false;
	for (const target of targets) {
		try {
			const planned = await planOne(target, files, access, terminal);
			if (!form) await terminal.print(`${plans.length > 0 ? "\n" : ""}${planText(planned, terminal.paint)}`);
			plans.push(planned);
		} catch (error) {
			terminal.note(`error: XmppFederation ${target.name}: ${explain(error)}`);
			failed = true;
		}
	}
	const restarts = plans.some(restartsAnything);
	if (form) await terminal.print(dataText(form, { restarts, federations: plans, ignored }));
	return failed ? 1 : restarts ? 2 : 0;
}

interface Files extends PolicyFiles {
	readonly aliases: readonly KubernetesObject[];
}

/** A federation whose nodes a file may change. */
interface Target {
	readonly namespace: string;
	readonly name: string;
	/** Absent where the file has policies and aliases of it only. */
	readonly file?: KubernetesObject;
}

function targetsOf(
	given: readonly KubernetesObject[],
	{ policies, aliases }: Files,
	access: ClusterAccess,
): readonly Target[] {
	const targets = new Map<string, Target>();
	for (const object of policies) {
		const [namespace, name] = [namespaceOf(object, access), federationOf(object)];
		if (name === undefined) refuseInvalid(parseFederationPolicy(object));
		targets.set(`${namespace}/${name}`, { namespace, name });
	}
	for (const object of aliases) {
		const [namespace, name] = [namespaceOf(object, access), federationOfAlias(object)];
		if (name === undefined) refuseInvalid(parseChatNodeAlias(object));
		targets.set(`${namespace}/${name}`, { namespace, name });
	}
	for (const file of given) {
		const namespace = namespaceOf(file, access);
		targets.set(`${namespace}/${file.metadata.name}`, { namespace, name: file.metadata.name, file });
	}
	return [...targets.values()];
}

async function planOne(
	{ namespace, name, file }: Target,
	files: Files,
	access: ClusterAccess,
	terminal: Terminal,
): Promise<RestartPlan> {
	const { client } = access;
	const live = await client.get(federations, namespace, name, { managedFields: true });
	if (!file && !live) throw new Failure("there is none; what is for it in the file waits for it");
	const proposal = file && (await propose(client, { ...file, metadata: { ...file.metadata, namespace } }, live));
	if (proposal?.unchecked) {
		terminal.note(
			`note: you may not write XmppFederations in namespace ${namespace}, so the API server was not asked whether it takes ${name}`,
		);
	}
	const proposed = proposal?.object ?? live;
	const running = live ? await runningNodes(client, live) : [];
	const policy = async (from: PolicyFiles) =>
		policyInput(await policyInForce(client, namespace, name, from), running, terminal);
	const status = live && viewOf(live).status;
	// One that was accepted by an older API and cannot be read any more runs on unchanged: nothing to compare with.
	const before = live && storedFederation(live);
	const after = (proposed && storedFederation(proposed)) ?? refuseInvalid(parseXmppFederation(proposed));
	const given = files.aliases.filter((object) => namespaceOf(object, access) === namespace);
	const aliasesNow = before ? judgeIn(before, await aliasesIn(client, namespace)) : [];
	const aliasesThen = judgeIn(after, await aliasesIn(client, namespace, given));
	for (const verdict of aliasesThen) {
		if (!verdict.ok) terminal.note(`note: ChatNodeAlias ${verdict.name} is not served: ${verdict.problem.message}`);
	}
	return restartPlan({
		live: before,
		proposed: after,
		running,
		policies: { live: await policy(noFiles), proposed: await policy(files) },
		aliases: { live: served(aliasesNow), proposed: served(aliasesThen) },
		notReady: new Set(status?.nodes.filter(({ ready }) => !ready).map((node) => node.name)),
		current: new Set(status?.nodes.filter(({ state }) => state === "Current").map((node) => node.name)),
		// As far as status is of this version
		earlier: (live && statusOf(live)?.rollout?.causes) ?? [],
		status: live?.status,
		now: terminal.now(),
	});
}

/** As kubectl has it: `-n` and the file may not contradict each other. */
function namespaceOf({ metadata }: KubernetesObject, { namespace, namespaceGiven }: ClusterAccess): string {
	const own = metadata.namespace;
	if (own === undefined || own === namespace) return namespace;
	if (!namespaceGiven) return own;
	throw new Failure(`the file says namespace ${own}, and -n says ${namespace}: leave one of them out`);
}

function served(verdicts: readonly JudgedAlias[]): readonly AcceptedAlias[] {
	return verdicts.flatMap((verdict) => (verdict.ok ? [verdict.alias] : []));
}

/** What a policy comes to; of one that is broken, what the nodes run. */
function policyInput(
	policy: ReadPolicy | undefined,
	running: readonly RunningNode[],
	terminal: Terminal,
): PolicyInput | undefined {
	if (!policy) return undefined;
	const { name, compilation } = policy;
	if (compilation.ok) return { name, effective: compilation.policy };
	terminal.note(
		`note: FederationPolicy ${name} cannot be used, so what the nodes enforce stays: ${describeProblems(compilation.problems)}`,
	);
	const last = recordedPolicy(running[0]?.applied, running[0]?.appliedLive);
	if (!last.known) return { name, effective: denyAll };
	return { name, effective: last.policy && { intent: last.policy, lists: [] } };
}

function listsOf(policy: PolicyObject): readonly string[] {
	const parsed = parseFederationPolicy(policy);
	return parsed.ok ? (parsed.value.spec.exceptionsFrom ?? []).map(({ configMapRef }) => configMapRef.name) : [];
}

/** What the API server took, or was not asked about. */
function refuseInvalid(parsed: Parsed<unknown>): never {
	const errors = parsed.ok ? [] : parsed.errors;
	throw new Failure(`it is not valid:\n${errors.map(({ field, message }) => `  ${field}: ${message}`).join("\n")}`);
}
