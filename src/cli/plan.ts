import { z } from "zod";
import { parseXmppFederation, statusOf } from "../api/parse.ts";
import type { KubernetesObject } from "../kubernetes/object.ts";
import { chosenImage } from "../model/chosen-image.ts";
import type { StoredFederation } from "../model/stored-federation.ts";
import { runningNodes } from "./applied-nodes.ts";
import { connectionHelp, connectionOptions, isJson, parseArguments, positionals } from "./arguments.ts";
import type { Command } from "./command.ts";
import { type ClusterAccess, withCluster } from "./connect.ts";
import { propose } from "./dry-run.ts";
import { explain, Failure, UsageError } from "./failure.ts";
import { viewOf } from "./federation-view.ts";
import { federations } from "./federations.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import { planText } from "./plan-text.ts";
import { type RestartPlan, restartPlan, restartsAnything } from "./restart-plan.ts";
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

Usage: kubectl xmppfed plan -f FILE [-f FILE...] [-n NAMESPACE] [-o json]

  -f, --filename FILE    YAML, with any number of documents, or JSON; - is standard input
  -o, --output json      the plan as JSON
${connectionHelp}

The API server checks the file as it would check an apply (dry run), so what it refuses is shown. No Secret is
read: whether a Secret of another name holds another content is not known, and told so.

Exit code: 0 nothing restarts, 2 nodes restart or are removed, or may; 1 error.`,
	options,
	takes: [],
	run: async (args, terminal) => {
		const { values, positionals: given } = parseArguments("plan", args, options);
		positionals("plan", given, [], 0);
		const json = isJson("plan", values.output);
		const files = values.filename ?? [];
		if (files.length === 0) throw new UsageError("-f FILE is missing: what is to be applied", "plan");
		const manifests: Manifest[] = [];
		for (const file of files) {
			manifests.push(readManifest(await terminal.read(file), file === "-" ? "standard input" : file));
		}
		return await withCluster(values, async (access) => await planAll(manifests, access, json, terminal));
	},
};

async function planAll(
	manifests: readonly Manifest[],
	access: ClusterAccess,
	json: boolean,
	terminal: Terminal,
): Promise<number> {
	const ignored = manifests.flatMap(({ others }) => others);
	const objects = manifests.flatMap((manifest) => manifest.federations);
	if (ignored.length > 0) terminal.note(`note: only XmppFederations are looked at, not ${ignored.join(", ")}`);
	if (objects.length === 0) terminal.note("note: there is no XmppFederation to plan for");
	const plans: RestartPlan[] = [];
	let failed = false;
	for (const object of objects) {
		try {
			const planned = await planOne(object, access, terminal);
			if (!json) await terminal.print(`${plans.length > 0 ? "\n" : ""}${planText(planned, terminal.paint)}`);
			plans.push(planned);
		} catch (error) {
			terminal.note(`error: XmppFederation ${object.metadata.name}: ${explain(error)}`);
			failed = true;
		}
	}
	const restarts = plans.some(restartsAnything);
	if (json) await terminal.print(JSON.stringify({ restarts, federations: plans, ignored }, undefined, 2));
	return failed ? 1 : restarts ? 2 : 0;
}

async function planOne(file: KubernetesObject, access: ClusterAccess, terminal: Terminal): Promise<RestartPlan> {
	const { client } = access;
	const namespace = namespaceOf(file, access);
	const { name } = file.metadata;
	const live = await client.get(federations, namespace, name, { managedFields: true });
	const proposal = await propose(client, { ...file, metadata: { ...file.metadata, namespace } }, live);
	if (proposal.unchecked) {
		terminal.note(
			`note: you may not write XmppFederations in namespace ${namespace}, so the API server was not asked whether it takes ${name}`,
		);
	}
	const status = live && viewOf(live).status;
	return restartPlan({
		// One that was accepted by an older API and cannot be read any more runs on unchanged: nothing to compare with.
		live: live && read(live),
		proposed: read(proposal.object) ?? refuse(proposal.object),
		running: live ? await runningNodes(client, live) : [],
		notReady: new Set(status?.nodes.filter(({ ready }) => !ready).map((node) => node.name)),
		current: new Set(status?.nodes.filter(({ state }) => state === "Current").map((node) => node.name)),
		// As far as status is of this version
		earlier: (live && statusOf(live)?.rollout?.causes) ?? [],
		chosenImage: chosenImage(live?.status),
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

const storedMetadata = z.looseObject({
	namespace: z.string(),
	uid: z.string().catch(""),
	generation: z.number().catch(1),
});

function read(object: KubernetesObject): StoredFederation | undefined {
	const parsed = parseXmppFederation(object);
	const metadata = storedMetadata.safeParse(object.metadata);
	if (!parsed.ok || !metadata.success) return undefined;
	const { namespace, uid, generation } = metadata.data;
	return { ...parsed.value, metadata: { ...parsed.value.metadata, namespace, uid, generation } };
}

/** What the API server took, or was not asked about. */
function refuse(object: KubernetesObject): never {
	const parsed = parseXmppFederation(object);
	const errors = parsed.ok ? [] : parsed.errors;
	throw new Failure(`it is not valid:\n${errors.map(({ field, message }) => `  ${field}: ${message}`).join("\n")}`);
}
