import { z } from "zod";
import { defaults } from "../api/defaults.ts";
import type { AcceptedAlias } from "../model/aliases.ts";
import { canonicalJson } from "../model/canonical-json.ts";
import { localDomains, publicDomains } from "../model/domains.ts";
import { type IntentInputs, intentOf } from "../model/federation.ts";
import type { SecretDigests } from "../model/intent.ts";
import { type KeptImage, keptImage, operatorImage } from "../model/kept-image.ts";
import { linksServiceName, serviceHost } from "../model/names.ts";
import { liveRevision, nodeRevision } from "../model/revision.ts";
import type { StoredFederation } from "../model/stored-federation.ts";
import { type Cause, causes, causesOfStep, type RecordedCause } from "../rollout/causes.ts";
import { handingOver } from "../rollout/hand-over.ts";
import { secretFields } from "../rollout/intent-fields.ts";
import { type ObservedNode, plan } from "../rollout/plan.ts";
import { type RestartReason, restartReasons } from "../rollout/reasons.ts";
import type { RunningNode } from "./applied-nodes.ts";
import { type FieldChange, quietChanges } from "./quiet-changes.ts";

/** What applying a file would do to the nodes of one federation. */
export interface RestartPlan {
	readonly namespace: string;
	readonly name: string;
	/** Whether it is there already. */
	readonly exists: boolean;
	/** Nodes that it has now. */
	readonly nodes: number;
	/** In order, where everything goes well. */
	readonly steps: readonly PlannedStep[];
	readonly causes: readonly PlannedCause[];
	/** What restarts nodes only if what a Secret holds is other than what they have: Secrets are not read. */
	readonly possible: readonly PossibleCause[];
	/** Other changes of the resource. */
	readonly withoutRestart: readonly FieldChange[];
	/** Nothing restarts or goes before the federation is resumed. */
	readonly paused: boolean;
	/** The change leaves no Enabled node: the operator waits for the annotation that allows it. */
	readonly leavesNoEnabledNode: boolean;
	/** What is wrong with the resource, but not refused. */
	readonly remarks: readonly string[];
}

export interface PlannedStep {
	readonly node: string;
	/** Apply: the node takes something over while it runs. */
	readonly action: "Create" | "Apply" | "Restart" | "Remove";
	readonly reasons: readonly RestartReason[];
}

export interface PlannedCause extends Cause {
	/** It is due whether the file is applied or not: the nodes do not run yet what the resource asks for. */
	readonly due: boolean;
}

export interface PossibleCause {
	readonly reason: RestartReason;
	readonly field: string;
	readonly from: string;
	readonly to: string;
	readonly nodes: readonly string[];
	/** Whether they take it over while they run. */
	readonly live: boolean;
}

export type PolicyInput = NonNullable<IntentInputs["policy"]>;

export interface PlanSituation {
	/** As it is now; undefined where it is not there yet. */
	readonly live: StoredFederation | undefined;
	/** As it would be. */
	readonly proposed: StoredFederation;
	readonly running: readonly RunningNode[];
	/** Nodes that are not ready go first. */
	readonly notReady: ReadonlySet<string>;
	/** Causes of the roll-out that is under way. */
	readonly earlier: readonly RecordedCause[];
	/** Nodes that run all that the resource asks for, as status has it. */
	readonly current: ReadonlySet<string>;
	/** The policy in force now, and the one that would be; what is absent is no policy. */
	readonly policies?: { readonly live: PolicyInput | undefined; readonly proposed: PolicyInput | undefined };
	/** The aliases that are served now, and those that would be; absent: none. */
	readonly aliases?: { readonly live: readonly AcceptedAlias[]; readonly proposed: readonly AcceptedAlias[] };
	/** As it is, of whatever version of the operator. */
	readonly status: unknown;
	readonly now: Date;
}

/** Whether a pod that runs would go, or could. */
export function restartsAnything({ steps, possible }: RestartPlan): boolean {
	return steps.some(({ action }) => action === "Restart" || action === "Remove") || possible.some(({ live }) => !live);
}

/** By the functions that the operator itself uses, on what may be read without any Secret. */
export function restartPlan(situation: PlanSituation): RestartPlan {
	const { live, proposed, running, notReady, earlier } = situation;
	const known = digestsInUse(situation);
	const { intent, remarks } = modelled(proposed, situation, changedDigests(situation, known), "proposed");
	const { orders } = intent;
	const due = new Set(live ? causes(modelled(live, situation, known, "live").intent, running, earlier).map(keyOf) : []);
	const found = causes(intent, running, earlier);
	const desired = intent.nodes.map((node) => ({
		name: node.name,
		federation: node.federation,
		revision: nodeRevision(node),
		live: liveRevision(node),
	}));
	const leaving = handingOver(intent, running);
	const observed = running.map(({ name, federation, revision, live: written }) => ({
		name,
		federation,
		revision,
		live: written,
		ready: !notReady.has(name),
		moving: false,
		...(leaving.has(name) && { handsOver: true }),
	}));
	const { waiting } = plan(desired, observed, { paused: false, outageAllowed: orders.outageAllowed });
	return {
		namespace: proposed.metadata.namespace,
		name: proposed.metadata.name,
		exists: live !== undefined || running.length > 0,
		nodes: running.length,
		steps: inOrder(desired, observed).map(({ kind, node }) => ({
			node,
			action: kind,
			reasons: [...new Set(causesOfStep({ kind, node }, found).map(({ reason }) => reason))],
		})),
		causes: found.map((cause) => ({ ...cause, due: due.has(keyOf(cause)) })),
		possible: live ? possibleCauses(live, proposed, running) : [],
		withoutRestart: live ? quietChanges(live.spec, proposed.spec) : [],
		paused: orders.paused,
		leavesNoEnabledNode: waiting.some(({ reason }) => reason === "WouldLeaveNoEnabledNode"),
		remarks: remarks.map(({ field, message }) => `${field}: ${message}`),
	};
}

type Desired = Parameters<typeof plan>[0];

/** Lets the planner go on until nothing is left to do, every step going well. */
function inOrder(desired: Desired, observed: readonly ObservedNode[]) {
	const nodes = new Map(observed.map((node) => [node.name, node]));
	const wanted = new Map(desired.map((node) => [node.name, node]));
	const taken = [];
	for (;;) {
		const { steps } = plan(desired, [...nodes.values()], { paused: false, outageAllowed: true });
		if (steps.length === 0) return taken;
		for (const step of steps) {
			const target = wanted.get(step.node);
			const before = nodes.get(step.node);
			if (step.kind === "Apply" && before) nodes.set(step.node, { ...before, live: target?.live });
			else if (target) nodes.set(step.node, { ...target, ready: true, moving: false });
			else nodes.delete(step.node);
			taken.push(step);
		}
	}
}

function modelled(
	federation: StoredFederation,
	situation: PlanSituation,
	digests: SecretDigests,
	which: "live" | "proposed",
) {
	const { running, status, now, policies, aliases } = situation;
	const restarts = running.flatMap(({ name, restartedAt }): [string, string][] =>
		restartedAt === undefined ? [] : [[name, restartedAt]],
	);
	const kept = running.flatMap((node): [string, KeptImage][] => {
		const image = keptImage(node, status);
		return image ? [[node.name, image]] : [];
	});
	const inputs = {
		defaults: {
			gatewayImage: operatorImage(status) ?? unknownImage,
			resolverImage: unknownImage,
			clusterDomain: clusterDomain(federation, running),
		},
		keptImages: new Map(kept),
		policy: policies?.[which],
		aliases: aliases?.[which],
		runningRevisions: new Map(running.map(({ name, revision }) => [name, revision])),
		carriedOutRestarts: new Map(restarts),
	};
	return intentOf(federation, inputs, digests, now);
}

/** Stands for an image that only the operator knows. */
const unknownImage = "the operator's";

const linksRecord = z.looseObject({ links: z.looseObject({ host: z.string() }) });
const secretsRecord = z.looseObject({
	secrets: z.looseObject({
		certificate: z.string(),
		dialback: z.string(),
		link: z.string(),
		trustedCAs: z.string().exactOptional(),
	}),
});
const liveRecord = z.looseObject({ secrets: z.looseObject({ certificate: z.string() }) });

/** Digests that a node runs with, those of its live objects first. */
function recordedDigests({ applied, appliedLive }: RunningNode): SecretDigests | undefined {
	const live = liveRecord.safeParse(appliedLive).data?.secrets;
	const fixed = z.looseObject({ secrets: z.looseObject({}) }).safeParse(applied).data?.secrets;
	return secretsRecord.safeParse({ secrets: { ...fixed, ...live } }).data?.secrets;
}

/** The operator's setting, as it stands in what the nodes run. */
function clusterDomain({ metadata }: StoredFederation, running: readonly RunningNode[]): string {
	const prefix = serviceHost(linksServiceName(metadata.name), metadata.namespace, "");
	for (const { applied } of running) {
		const host = linksRecord.safeParse(applied).data?.links.host;
		if (host?.startsWith(prefix)) return host.slice(prefix.length);
	}
	return "cluster.local";
}

/**
 * What the newest nodes run with: where a Secret has changed just now, the others are still to get it. Where no node has
 * got it yet, status tells that it changed.
 */
function digestsInUse({ running, current, earlier }: PlanSituation): SecretDigests {
	const newest = running.find((node) => current.has(node.name) && recordedDigests(node));
	const known = [...(newest ? [newest] : []), ...running].flatMap((node) => recordedDigests(node) ?? [])[0] ?? {
		certificate: "",
		dialback: "",
		link: "",
	};
	if (newest) return known;
	const pending = new Set(earlier.map(({ reason }) => reason));
	const changed = Object.entries(secretFields).filter(([, { reason }]) => pending.has(reason));
	return { ...known, ...Object.fromEntries(changed.map(([name]) => [name, "changed"])) };
}

/** Of what is certain to be another secret: one that was given takes the place of one that was made, or the reverse. */
function changedDigests({ live, proposed, aliases }: PlanSituation, digests: SecretDigests): SecretDigests {
	if (!live) return digests;
	const [before, after] = [secretNames(live), secretNames(proposed)];
	const isOther = (name: keyof typeof before) => (before[name] === undefined) !== (after[name] === undefined);
	const [namesNow, namesThen] = [
		publicDomains(localDomains(live), aliases?.live),
		publicDomains(localDomains(proposed), aliases?.proposed),
	];
	const selfSignedAnew = after.certificate === undefined && canonicalJson(namesNow) !== canonicalJson(namesThen);
	const { trustedCAs, ...others } = digests;
	return {
		...others,
		...(after.trustedCAs !== undefined && { trustedCAs: isOther("trustedCAs") ? "another" : (trustedCAs ?? "") }),
		...((isOther("certificate") || selfSignedAnew) && { certificate: "another" }),
		...(isOther("dialback") && { dialback: "another" }),
	};
}

function possibleCauses(
	live: StoredFederation,
	proposed: StoredFederation,
	running: readonly RunningNode[],
): readonly PossibleCause[] {
	const [before, after] = [secretNames(live), secretNames(proposed)];
	const wanted = new Set(proposed.spec.nodes.map(({ name }) => name));
	const nodes = running.map(({ name }) => name).filter((name) => wanted.has(name));
	const isLive = [live, proposed].every(({ spec }) => spec.rollout?.strategy === "Live");
	const secrets = [
		["certificate", "CertificateChanged", "spec.security.certificate"],
		["trustedCAs", "TrustedCAsChanged", "spec.security.trustedCAs.configMapRef"],
		["dialback", "DialbackSecretChanged", "spec.security.dialback.secretRef.name"],
	] as const;
	return secrets.flatMap(([name, reason, field]) => {
		const [from, to] = [before[name], after[name]];
		return from === undefined || to === undefined || from === to || nodes.length === 0
			? []
			: [{ reason, field, from, to, nodes, live: restartReasons[reason].live && isLive }];
	});
}

function secretNames({ spec: { security } }: StoredFederation) {
	const { certificate, trustedCAs: { configMapRef } = {}, dialback } = security ?? {};
	const { issuerRef } = certificate ?? {};
	return {
		certificate: issuerRef ? `${issuerRef.kind ?? defaults.issuerKind} ${issuerRef.name}` : certificate?.secretName,
		trustedCAs: configMapRef && `${configMapRef.name}, ${configMapRef.key ?? defaults.trustedCAsKey}`,
		dialback: dialback?.secretRef?.name,
	};
}

/** What makes two causes the same, whichever nodes they are about. */
function keyOf({ nodes: _nodes, ...cause }: Cause): string {
	return canonicalJson(cause);
}
