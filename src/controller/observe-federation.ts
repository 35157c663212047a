import { statusOf } from "../api/parse.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import type { EventRecorder } from "../kubernetes/events.ts";
import { type KubernetesObject, objectKey } from "../kubernetes/object.ts";
import type { Certificate, ConfigMap, DnsEndpoint, Secret } from "../kubernetes/resources.ts";
import type { OperatorDefaults } from "../model/federation-inputs.ts";
import type { FederationIntent } from "../model/intent.ts";
import { nodeObjectName } from "../model/names.ts";
import { liveRevision, nodeRevision } from "../model/revision.ts";
import type { StoredFederation } from "../model/stored-federation.ts";
import { recordedIntent, revisionedName } from "../objects/node-configuration.ts";
import { causes as causesOf } from "../rollout/causes.ts";
import { handingOver, handingOverLive } from "../rollout/hand-over.ts";
import { aliasesInForce, type LiveState, liveState } from "../rollout/live.ts";
import { type Plan, plan } from "../rollout/plan.ts";
import { unlinkedNodes } from "../status/alias-nodes.ts";
import { dnsQuestions } from "../status/dns-published.ts";
import { dnsRecords } from "../status/dns-records.ts";
import type { FederationObservation } from "../status/federation-observation.ts";
import type { Tracing } from "../tracing/tracing.ts";
import type { AliasStatusWriter } from "./alias-status-writer.ts";
import type { Aliases, AliasVerdict } from "./aliases.ts";
import type { Caches } from "./caches.ts";
import type { DnsLookups } from "./dns-lookups.ts";
import type { DomainSettings } from "./domain-settings.ts";
import type { EmailAddresses } from "./email-addresses.ts";
import type { OperatorMetrics } from "./metrics.ts";
import type { NamedWatches } from "./named-watches.ts";
import { observe, type WrittenLive } from "./observe.ts";
import type { OptionalKind } from "./optional-kind.ts";
import type { OwnedKinds } from "./owned-kinds.ts";
import type { Policies, PolicyInForce } from "./policies.ts";
import type { PolicyStatusWriter } from "./policy-status-writer.ts";
import type { RouterReports } from "./router-reports.ts";
import type { StatusWriter } from "./status-writer.ts";

export interface ReconcilerParts {
	readonly client: KubernetesClient;
	readonly caches: Caches;
	readonly ownedKinds: OwnedKinds;
	readonly secretWatches: NamedWatches<Secret>;
	readonly configMapWatches: NamedWatches<ConfigMap>;
	readonly certificates: OptionalKind<Certificate>;
	readonly dnsEndpoints: OptionalKind<DnsEndpoint>;
	readonly routerReports: RouterReports;
	readonly dnsLookups: DnsLookups;
	readonly domainSettings: DomainSettings;
	readonly statusWriter: StatusWriter;
	readonly policies: Policies;
	readonly emailAddresses: EmailAddresses;
	readonly policyStatusWriter: PolicyStatusWriter;
	readonly aliases: Aliases;
	readonly aliasStatusWriter: AliasStatusWriter;
	readonly events: EventRecorder;
	readonly metrics: OperatorMetrics;
	readonly tracing: Tracing;
	readonly defaults: OperatorDefaults;
	readonly now: () => Date;
}

interface AliasesOf {
	readonly federation: StoredFederation;
	readonly verdicts: readonly AliasVerdict[];
}

/** What is known of a federation beside what can be seen in the cluster. */
export type Facts = Partial<
	Pick<
		FederationObservation,
		| "intent"
		| "certificate"
		| "dialback"
		| "dialbackWaitsFor"
		| "problems"
		| "warnings"
		| "remarks"
		| "emailAddresses"
		| "obstacles"
		| "acting"
	>
> & {
	readonly drifted?: ReadonlySet<string>;
	readonly policy?: PolicyInForce | undefined;
	/** How each ChatNodeAlias stands; undefined where that is not known. */
	readonly aliases?: AliasesOf;
	/** When time alone will change something that is not in what is observed. */
	readonly changesAt?: Date | undefined;
};

const nothingToDo: Plan = { steps: [], waiting: [] };

/** What status, plan and metrics are made of. */
export function observation(
	{ caches, routerReports, dnsLookups, domainSettings, now }: ReconcilerParts,
	key: string,
	object: KubernetesObject,
	facts: Facts,
): FederationObservation {
	const { intent } = facts;
	const { nodes: found, services } = observe(key, caches, routerReports, now(), intent ? withServices(intent) : {});
	const desired = intent?.nodes.map((node) => ({ ...node, revision: nodeRevision(node), live: liveRevision(node) }));
	const wanted = new Map(desired?.map((node) => [node.name, node]));
	const applied = found.map((node) => ({
		...node,
		drifted: facts.drifted?.has(node.name),
		appliedLive: node.written?.applied,
		// What runs as it should need not be read.
		...(node.revision !== wanted.get(node.name)?.revision && { applied: recordOf(caches, object, node) }),
	}));
	const leaving = intent && handingOver(intent, applied);
	const nodes = found.map(({ written, ...node }) => {
		const isAtIntent = node.revision === wanted.get(node.name)?.revision;
		const told = written && takeOver(written, now());
		return {
			...node,
			...(facts.drifted?.has(node.name) && { drifted: true }),
			...(leaving?.has(node.name) && { handsOver: true }),
			...(told && isAtIntent && { takeOver: told }),
			...(told && { aliasesInForce: aliasesInForce(written.aliases, written.reports, told) }),
		};
	});
	const differs =
		intent &&
		(applied.length !== wanted.size ||
			applied.some((node) => "applied" in node || node.drifted || node.live !== wanted.get(node.name)?.live));
	const earlier = differs ? statusOf(caches.federations.store.get(key) ?? object)?.rollout?.causes : undefined;
	return {
		generation: object.metadata.generation ?? 0,
		nodes,
		services,
		sameDomain: domainSettings.compare(key),
		dns: dnsLookups.use(key, dnsQuestions(dnsRecords({ intent, services }))),
		plan: intent && desired ? plan(desired, nodes, intent.orders) : nothingToDo,
		causes: differs ? causesOf(intent, applied, earlier) : [],
		intent,
		warnings: facts.warnings ?? [],
		remarks: facts.remarks ?? [],
		emailAddresses: facts.emailAddresses,
		certificate: facts.certificate,
		dialback: facts.dialback ?? "Generated",
		dialbackWaitsFor: facts.dialbackWaitsFor ?? [],
		acting: facts.acting ?? false,
		problems: facts.problems ?? [],
		obstacles: facts.obstacles ?? [],
	};
}

/** What has a Service of its own. */
export function withServices({ nodeAddresses, aliases = [] }: FederationIntent) {
	return {
		nodes: nodeAddresses.map(({ node }) => node),
		aliases: aliases.filter(({ direct }) => direct).map(({ name }) => name),
	};
}

/** What a node that is at its intent says of what it takes over while it runs. */
function takeOver(
	{ settings, certificate, policy, writtenAt, readySince, reports }: WrittenLive,
	now: Date,
): LiveState {
	// A pod that has started since has what was written before.
	const times = [writtenAt, readySince].map((time) => Date.parse(time ?? "")).filter((time) => !Number.isNaN(time));
	const since = times.length > 0 ? new Date(Math.max(...times)) : undefined;
	return liveState({ settings, certificate, policy, since }, reports, now);
}

/** What is to be given to nodes for now, while aliases move from one to another. */
export function intentForNow(
	{ caches, routerReports, now }: ReconcilerParts,
	key: string,
	intent: FederationIntent,
): FederationIntent {
	if (!intent.nodes.some(({ aliases, liveAliases }) => aliases && liveAliases)) return intent;
	const { nodes } = observe(key, caches, routerReports, now(), {});
	const running = nodes.map(({ name, revision, ready, written }) => {
		const used = written && aliasesInForce(written.aliases, written.reports, takeOver(written, now()));
		const usesThem = used !== undefined && used.digest === written?.aliases;
		const servesGivenAliases = usesThem && unlinkedNodes({ intent, nodes }, name).length === 0;
		return { name, revision, ready, appliedLive: written?.applied, servesGivenAliases };
	});
	return handingOverLive(intent, running);
}

/** The intent that a node's Deployment was made from, as that revision's ConfigMap has it. */
function recordOf(caches: Caches, federation: KubernetesObject, node: { name: string; revision: string }): unknown {
	const { namespace, name } = federation.metadata;
	const record = objectKey(namespace, revisionedName(nodeObjectName(name, node.name), node.revision));
	return recordedIntent(caches.configMaps.store.get(record));
}
