import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { parseStored, parseXmppFederation, statusOf } from "../api/parse.ts";
import type { XmppFederation } from "../api/xmpp-federation.ts";
import { emailAddressFiles } from "../gateway/layout.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { ApiError, describeRefusal } from "../kubernetes/errors.ts";
import type { EventRecorder } from "../kubernetes/events.ts";
import { type KubernetesObject, type Observed, objectKey } from "../kubernetes/object.ts";
import {
	type Certificate,
	type ConfigMap,
	type DnsEndpoint,
	deployments as deploymentResource,
	type Secret,
} from "../kubernetes/resources.ts";
import type { DialbackStep } from "../model/dialback-rotation.ts";
import { modelFederation } from "../model/federation.ts";
import { dialbackOf } from "../model/federation-credentials.ts";
import type { FederationInputs, NodeSecrets, OperatorDefaults } from "../model/federation-inputs.ts";
import type { FederationIntent, NodeIntent } from "../model/intent.ts";
import { emailAddressesName, nodeObjectName } from "../model/names.ts";
import { recordedPolicy } from "../model/policy/in-force.ts";
import type { Problem } from "../model/problem.ts";
import { liveRevision, nodeRevision } from "../model/revision.ts";
import type { StoredFederation } from "../model/stored-federation.ts";
import { imageFromAnnotation, revisionAnnotation } from "../objects/annotations.ts";
import { readEmailAddresses, unusedEmailAddressSecrets } from "../objects/email-addresses.ts";
import { nodeObjects, type SharedObjects, sharedObjects } from "../objects/federation-objects.ts";
import { nodeLabel } from "../objects/labels.ts";
import { nodeConfigurationName, recordedIntent, revisionedName } from "../objects/node-configuration.ts";
import { nodeDeployment } from "../objects/node-deployment.ts";
import { nodeLiveName, readLive } from "../objects/node-live.ts";
import { causes as causesOf, causesOfStep, describeCause } from "../rollout/causes.ts";
import { isTakingOver, type LiveState, liveState } from "../rollout/live.ts";
import { type Plan, plan, type Step } from "../rollout/plan.ts";
import { dnsPublished, dnsQuestions } from "../status/dns-published.ts";
import { dnsRecords } from "../status/dns-records.ts";
import { emailAddressNodes, lateForEmailAddresses } from "../status/email-address-nodes.ts";
import type {
	EmailAddressesObservation,
	FederationObservation,
	ObservedCertificate,
} from "../status/federation-observation.ts";
import { policyNodes } from "../status/policy-nodes.ts";
import type { SpanAttributes, Tracing } from "../tracing/tracing.ts";
import type { AliasStatusWriter } from "./alias-status-writer.ts";
import type { Aliases, AliasVerdict } from "./aliases.ts";
import { type Caches, refusedCaches } from "./caches.ts";
import { containerEnds } from "./container-ends.ts";
import { ensureDialback } from "./dialback.ts";
import type { DnsLookups } from "./dns-lookups.ts";
import type { DomainSettings } from "./domain-settings.ts";
import { type EmailAddresses, writeEmailAddresses } from "./email-addresses.ts";
import { ensureDnsEndpoint } from "./external-dns.ts";
import { FederationWriter, NamespaceTerminatingError } from "./federation-writer.ts";
import { gatherInputs } from "./inputs.ts";
import { ensureLinkCertificates } from "./link-certificates.ts";
import { refreshPods, restoreLive, writeLive } from "./live-objects.ts";
import type { OperatorMetrics } from "./metrics.ts";
import type { NamedWatches } from "./named-watches.ts";
import { observe, observeServices, type WrittenLive } from "./observe.ts";
import type { OptionalKind } from "./optional-kind.ts";
import type { OwnedKinds } from "./owned-kinds.ts";
import type { NodeRecord, Policies, PolicyInForce } from "./policies.ts";
import type { PolicyStatusWriter } from "./policy-status-writer.ts";
import type { RouterReports } from "./router-reports.ts";
import type { StatusWriter } from "./status-writer.ts";
import { removeUnused } from "./unused-objects.ts";

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
type Facts = Partial<
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

/** Milliseconds until a federation is looked at again. */
const again = {
	/** Nothing tells of the end of most obstacles: a foreign object, a quota, a right, a webhook, a kind that is not there. */
	afterObstacle: 20_000,
	/** Until a kubelet is asked again to look for new files. */
	whileApplying: 3_000,
	/** A pod that does not go may be lost with its Kubernetes node: `lostPodAfter`. */
	whileMoving: 30_000,
	/** Once in a while, whatever happens. */
	always: 10 * 60_000,
	/** A moment that is over by then may still be to come by another clock. */
	atLeast: 1_000,
} as const;

function usualDelay({ obstacles, remarks, nodes }: FederationObservation): number {
	const isHindered = ({ reason }: Problem) => reason === "ExternalDNSMissing" || reason === "Forbidden";
	if (obstacles.length > 0 || remarks.some(isHindered)) return again.afterObstacle;
	if (nodes.some(({ takeOver: told }) => told?.state === "Applying")) return again.whileApplying;
	return nodes.some((node) => node.moving || isTakingOver(node)) ? again.whileMoving : again.always;
}

/** Milliseconds for which a step waits for its Events: what they tell stands in status already. */
const announceTimeout = 1_000;

const verbs = {
	Create: "starts",
	Apply: "takes over while it runs",
	Restart: "restarts",
	Remove: "is removed",
} as const;

const nothingToDo: Plan = { steps: [], waiting: [] };

/**
 * Brings one XmppFederation to what it asks for: observe, model, plan, say so in status, act, say what came of it.
 *
 * Invariants: a resource that is not accepted changes nothing that runs. A restart stands in status before it happens.
 * A reconcile that finds everything as it should be makes no request.
 */
export class FederationReconciler {
	readonly #parts: ReconcilerParts;

	constructor(parts: ReconcilerParts) {
		this.#parts = parts;
	}

	/**
	 * @param key `NAMESPACE/NAME`
	 * @returns milliseconds until it should be looked at again; undefined where there is no such federation
	 */
	async reconcile(key: string, log: Logger, signal: AbortSignal): Promise<number | undefined> {
		const { caches, secretWatches, configMapWatches, policies, routerReports, dnsLookups } = this.#parts;
		const { emailAddresses, domainSettings } = this.#parts;
		// Without the CRD, or the right to see it, there is nothing to act on and nowhere to say so: the log does.
		if (caches.federations.refusal) return again.afterObstacle;
		const object = caches.federations.store.get(key);
		if (!object || object.metadata.deletionTimestamp) {
			// Owner references remove what we made, with the operator running or not.
			secretWatches.release(key);
			configMapWatches.release(key);
			policies.release(key);
			emailAddresses.release(key);
			await this.#parts.policyStatusWriter.writeNotFound(key, log, signal);
			await this.#parts.aliasStatusWriter.writeNotFound(key, log, signal);
			routerReports.release(key);
			dnsLookups.release(key);
			domainSettings.release(key);
			this.#parts.metrics.release(key);
			return undefined;
		}
		const refused = refusedCaches(caches);
		const parsed = parseStored(parseXmppFederation, object);
		const problems = (parsed.ok ? [] : parsed.errors).map(({ field, message }) => ({
			reason: "InvalidSpec" as const,
			field,
			message,
		}));
		if (refused.blocking) return await this.#save(key, object, { problems, obstacles: refused.obstacles }, log, signal);
		try {
			if (!parsed.ok) {
				domainSettings.noteUnaccepted(object);
				const obstacles = await this.#renewLinkCertificates(key, object, refused.obstacles, log, signal);
				return await this.#save(key, object, { problems, obstacles }, log, signal);
			}
			const run = new FederationRun(this.#parts, key, object, parsed.value, refused.obstacles, log, signal);
			return await run.carryOut(async (facts) => await this.#save(key, object, facts, log, signal));
		} catch (error) {
			if (error instanceof ApiError && error.isRefusal) {
				const message = `${describeRefusal(error)}: ${error.message}.`;
				const obstacles = [...refused.obstacles, { reason: "Forbidden" as const, field: "", message }];
				return await this.#save(key, object, { problems, obstacles }, log, signal);
			}
			// The federation goes with its namespace: there is nobody to tell and nothing to mend.
			if (error instanceof NamespaceTerminatingError) return again.afterObstacle;
			throw error;
		}
	}

	/**
	 * Of a federation whose resource cannot be read: what runs must not come to a stand by a certificate that expires.
	 *
	 * @returns what stands in the way of it
	 */
	async #renewLinkCertificates(
		key: string,
		{ metadata: { namespace = "", name, uid } }: Observed,
		obstacles: readonly Problem[],
		log: Logger,
		signal: AbortSignal,
	): Promise<readonly Problem[]> {
		const { caches, ownedKinds } = this.#parts;
		const writer = new FederationWriter(ownedKinds, uid, obstacles, signal);
		const runs = caches.deployments.store.byIndex(key).some((deployment) => writer.owns(deployment));
		if (runs) await ensureLinkCertificates({ namespace, name, uid }, this.#parts, writer, log);
		return writer.obstacles;
	}

	async #save(key: string, object: Observed, facts: Facts, log: Logger, signal: AbortSignal): Promise<number> {
		return await this.#parts.tracing.span("status", {}, () => this.#saveStatus(key, object, facts, log, signal));
	}

	async #saveStatus(key: string, object: Observed, facts: Facts, log: Logger, signal: AbortSignal): Promise<number> {
		const seen = observation(this.#parts, key, object, facts);
		await this.#parts.statusWriter.write(object, seen, log, signal);
		const enforcing = facts.policy && policyNodes(seen);
		if (facts.policy && !seen.acting) {
			await this.#parts.policyStatusWriter.write(key, facts.policy, enforcing, log, signal);
		}
		if (facts.aliases && !seen.acting) {
			const { federation, verdicts } = facts.aliases;
			await this.#parts.aliasStatusWriter.write(key, federation, verdicts, seen, log, signal);
		}
		const [held] = seen.plan.steps.length > 0 ? [] : seen.plan.waiting;
		this.#parts.metrics.rolloutBlocked(key, held?.reason);
		this.#parts.metrics.containersEnded(key, containerEnds(this.#parts.caches.pods.store.byIndex(key)));
		this.#parts.dnsLookups.settled(key, dnsPublished(seen).status === "True");
		const waitsForDialback = seen.dialbackWaitsFor.length > 0;
		const waitsForPolicy = enforcing?.some(({ state }) => state === "Pending") ?? false;
		const waitsForMapping = emailAddressNodes(seen)?.some(({ state }) => state === "Pending") ?? false;
		const waitsForTakeOver = waitsForPolicy || waitsForMapping || seen.nodes.some(isTakingOver);
		const waits = waitsForDialback || waitsForTakeOver || seen.plan.waiting.length > 0;
		this.#parts.routerReports.hurry(key, waits);
		this.#parts.routerReports.askAll(key, waitsForDialback);
		const { certificate } = seen;
		const known = certificate && "findings" in certificate ? certificate : undefined;
		if (known) this.#parts.metrics.certificateExpires(key, known.notAfter);
		// Certificates come of age and expire without a sign.
		const now = this.#parts.now().getTime();
		const changes = [known?.changesAt, facts.changesAt].flatMap((at) => (at ? [at.getTime() - now] : []));
		const isLate = lateForEmailAddresses(seen, this.#parts.now()).length > 0;
		const usual = isLate ? Math.min(again.whileApplying, usualDelay(seen)) : usualDelay(seen);
		return Math.max(again.atLeast, Math.min(usual, ...changes));
	}
}

/** One reconcile of a federation whose resource could be read. */
class FederationRun {
	readonly #parts: ReconcilerParts;
	readonly #key: string;
	readonly #object: Observed;
	readonly #federation: StoredFederation;
	readonly #log: Logger;
	readonly #writer: FederationWriter;

	constructor(
		parts: ReconcilerParts,
		key: string,
		object: Observed,
		federation: XmppFederation,
		obstacles: readonly Problem[],
		log: Logger,
		signal: AbortSignal,
	) {
		this.#parts = parts;
		this.#key = key;
		this.#object = object;
		this.#federation = stored(federation, object);
		this.#log = log;
		this.#writer = new FederationWriter(parts.ownedKinds, object.metadata.uid, obstacles, signal);
	}

	async carryOut(save: (facts: Facts) => Promise<number>): Promise<number> {
		const { defaults, now, caches } = this.#parts;
		const writer = this.#writer;
		const verdicts = this.#parts.aliases.judge(this.#key, this.#federation);
		const aliases = { federation: this.#federation, verdicts };
		const accepted = verdicts.flatMap((verdict) => ("alias" in verdict ? [verdict.alias] : []));
		const inputs = await this.#stage("inputs", () =>
			gatherInputs(this.#key, this.#federation, accepted, this.#parts, writer),
		);
		// Also where the resource is not accepted: what runs must not come to a stand by a certificate that expires.
		const linked = await this.#stage("link certificates", () =>
			ensureLinkCertificates(this.#federation.metadata, this.#parts, writer, this.#log),
		);
		if (!inputs || !linked) return await save({ obstacles: writer.obstacles, aliases });
		const dialback = await this.#stage("dialback", () => this.#replaceDialback(inputs));
		if (dialback === "Obstructed") return await save({ obstacles: writer.obstacles, aliases });
		const internalAddresses = observeServices(this.#key, caches).internal?.ingress;
		const policy = await this.#stage("policy", () => this.#parts.policies.inForce(this.#key, () => this.#records()));
		const named = policy && { name: policy.object.metadata.name, effective: policy.effective };
		const more = { defaults, internalAddresses, policy: named, dialbackInForce: dialback?.signing.value };
		const model = await this.#stage("model", async () =>
			modelFederation(this.#federation, { ...inputs, ...more }, now()),
		);
		if (!model.ok) {
			this.#parts.domainSettings.noteUnaccepted(this.#object);
			return await save({ problems: model.problems, certificate: model.certificate, policy, aliases });
		}

		const { intent, secrets } = model;
		this.#parts.domainSettings.note(this.#object, intent, secrets);
		const addresses = await this.#stage("email addresses", () =>
			this.#parts.emailAddresses.read(this.#key, this.#federation),
		);
		if (addresses?.secrets) await writeEmailAddresses(addresses.secrets, writer);
		const { security } = this.#federation.spec;
		const drifted = new Set(intent.nodes.filter((node) => this.#hasDrifted(intent, node)).map(({ name }) => name));
		const shared = sharedObjects(intent);
		await this.#stage("shared objects", () => this.#writeShared(shared));
		const unpublished = await this.#stage("external-dns", () => this.#tellExternalDns(intent));
		const facts = () => ({
			intent,
			drifted,
			warnings: model.warnings,
			remarks: [...model.remarks, ...policyRemarks(policy), ...(addresses?.problems ?? []), ...unpublished],
			emailAddresses: addresses && {
				given: this.#givenAddresses(),
				isAwaited: addresses.secrets === undefined && addresses.problems.length === 0,
				problems: addresses.problems,
			},
			policy,
			aliases,
			certificate: {
				...model.certificate,
				source: certificateSource(this.#federation),
			},
			dialback: security?.dialback?.secretRef ? ("Given" as const) : ("Generated" as const),
			dialbackWaitsFor: dialback?.waitsFor ?? [],
			changesAt: dialback?.again,
			obstacles: writer.obstacles,
		});
		const seen = observation(this.#parts, this.#key, this.#object, facts());
		const { steps } = seen.plan;
		// Before the act: nobody has to guess why a node went away.
		if (steps.length > 0 && seen.causes.length > 0) {
			await save({ ...facts(), acting: true });
			await this.#stage("announce", () => this.#announce(seen));
		}
		for (const step of steps) {
			const before = writer.obstacles.length;
			const { kind, node } = step;
			await this.#stage("step", () => this.#take(step, intent, secrets), { step: kind, "xmppfed.node": node });
			if (writer.obstacles.length > before) continue;
			for (const { reason } of causesOfStep(step, seen.causes)) {
				if (step.kind === "Restart") this.#parts.metrics.nodeRestarted(reason);
				if (step.kind === "Apply") this.#parts.metrics.takenOver(reason);
			}
		}
		const unused = addresses?.secrets && unusedEmailAddressSecrets(intent.name, addresses.secrets.files.length);
		await this.#stage("tidy", async () => {
			await this.#restoreNodeFiles(intent, secrets);
			// Before pods look for files: what is left over would be read with the others.
			await removeUnused(this.#key, intent, shared, caches, writer, unused ?? []);
			await this.#refreshPods(steps, facts());
		});
		return await save(facts());
	}

	/** One stage of the reconcile, as a span of its own. */
	async #stage<T>(name: string, work: () => Promise<T>, attributes: SpanAttributes = {}): Promise<T> {
		return await this.#parts.tracing.span(name, attributes, work);
	}

	/** The mapping that routers were given last; undefined where there was none. */
	#givenAddresses(): EmailAddressesObservation["given"] {
		const { namespace, name } = this.#federation.metadata;
		const key = objectKey(namespace, emailAddressesName(name, emailAddressFiles.index));
		const secret = this.#parts.caches.secrets.store.get(key);
		return secret && this.#writer.owns(secret) ? readEmailAddresses(secret) : undefined;
	}

	/** @returns undefined where there is no secret to use: the resource is not accepted then */
	async #replaceDialback(inputs: Omit<FederationInputs, "defaults">): Promise<DialbackStep | "Obstructed" | undefined> {
		const wanted = dialbackOf(this.#federation, inputs);
		if (!wanted.ok) return undefined;
		const { caches, routerReports, now } = this.#parts;
		const nodes = observe(this.#key, caches, routerReports, now(), {}).dialback;
		const secrets = { wanted: wanted.value, digestKey: inputs.generated.digestKey };
		const { metadata } = this.#federation;
		const step = await ensureDialback(this.#key, metadata, secrets, nodes, this.#parts, this.#writer, this.#log);
		return step ?? "Obstructed";
	}

	/**
	 * Whether somebody changed a node's Deployment by hand. What a newer operator would write differently is no drift: it
	 * waits for the next change of the intent.
	 */
	#hasDrifted(intent: FederationIntent, node: NodeIntent): boolean {
		return this.#isAtIntent(intent, node) && this.#writer.hasDrifted(nodeDeployment(intent, node));
	}

	#isAtIntent(intent: FederationIntent, node: NodeIntent): boolean {
		const name = objectKey(intent.namespace, nodeObjectName(intent.name, node.name));
		const deployment = this.#parts.caches.deployments.store.get(name);
		return deployment?.metadata.annotations?.[revisionAnnotation] === nodeRevision(node);
	}

	/** What the nodes were last given: at their start, or while they ran. */
	#records(): readonly NodeRecord[] {
		const { deployments, configMaps } = this.#parts.caches;
		return deployments.store.byIndex(this.#key).map(({ metadata: { namespace, name, labels, annotations } }) => {
			const find = (configMap: string) => configMaps.store.get(objectKey(namespace, configMap));
			const record = find(revisionedName(name, annotations?.[revisionAnnotation] ?? ""));
			const live = find(nodeLiveName(this.#federation.metadata.name, labels?.[nodeLabel] ?? ""));
			const taken = live && readLive(live);
			return {
				recorded: recordedPolicy(recordedIntent(record), taken?.applied),
				writtenAt: taken?.writtenAt ?? record?.metadata.creationTimestamp ?? "",
			};
		});
	}

	async #writeShared({ configMaps, mutable }: SharedObjects): Promise<void> {
		for (const object of configMaps) await this.#writer.createConfigMap(object);
		for (const object of mutable) await this.#writer.apply(object);
	}

	/** @returns what is to be said of it */
	async #tellExternalDns(intent: FederationIntent): Promise<readonly Problem[]> {
		const services = observeServices(this.#key, this.#parts.caches, withServices(intent));
		const records = dnsRecords({ intent, services });
		return await ensureDnsEndpoint(
			this.#key,
			this.#federation,
			intent,
			records,
			this.#parts.dnsEndpoints,
			this.#writer,
		);
	}

	async #take(step: Step, intent: FederationIntent, secrets: NodeSecrets): Promise<void> {
		this.#log.info({ step: step.kind, node: step.node }, "taking a step");
		this.#parts.metrics.nodeStep(step.kind);
		if (step.kind === "Remove") return await this.#removeNode(step.node);
		const node = intent.nodes.find(({ name }) => name === step.node);
		if (!node) throw new Error(`a step was planned for a node that is not in the intent: ${step.node}`);
		if (step.kind === "Apply") return void (await writeLive(intent, node, secrets, this.#parts, this.#writer));
		const objects = nodeObjects(intent, node, secrets);
		const configuration = await this.#writer.createConfigMap(objects.configuration);
		const secret = await this.#writer.createSecret(objects.secret);
		const live = node.strategy !== "Live" || (await writeLive(intent, node, secrets, this.#parts, this.#writer));
		// A pod without its files would only wait for them.
		if (configuration && secret && live) await this.#writer.apply(objects.deployment);
	}

	async #refreshPods(steps: readonly Step[], facts: Facts): Promise<void> {
		if (!facts.intent?.nodes.some(({ strategy, emailAddresses }) => strategy === "Live" || emailAddresses)) return;
		const changed = new Set(steps.flatMap(({ kind, node }) => (kind === "Apply" ? [node] : [])));
		const seen = observation(this.#parts, this.#key, this.#object, facts);
		const lateForMapping = new Set(lateForEmailAddresses(seen, this.#parts.now()));
		const late = seen.nodes.flatMap(({ name, live, takeOver: told }): [string, string][] => {
			const what = [
				...(live !== undefined && (told?.state === "Applying" || changed.has(name)) ? [live] : []),
				...(lateForMapping.has(name) ? [seen.emailAddresses?.given?.digest ?? ""] : []),
			];
			return what.length > 0 ? [[name, what.join("+")]] : [];
		});
		await refreshPods(this.#key, new Map(late), this.#parts, this.#writer);
	}

	/** One Event for each cause and node, written before the step is taken where it can be written at once. */
	async #announce({ plan: { steps }, causes }: FederationObservation): Promise<void> {
		const { events, caches } = this.#parts;
		const pods = caches.pods.store.byIndex(this.#key);
		const written = steps.flatMap((step) =>
			causesOfStep(step, causes).map((cause) => {
				const { kind, node } = step;
				const pod = pods.find(({ metadata }) => metadata.labels?.[nodeLabel] === node && !metadata.deletionTimestamp);
				return events.recordFirst({
					regarding: this.#object,
					...(pod && { related: pod }),
					type: "Normal",
					reason: cause.reason,
					action: kind,
					note: `Node ${node} ${verbs[kind]}: ${describeCause(cause)} (${cause.rule}).`,
				});
			}),
		);
		await Promise.race([Promise.all(written), sleep(announceTimeout, undefined, { ref: false })]);
	}

	async #removeNode(name: string): Promise<void> {
		for (const deployment of this.#parts.caches.deployments.store.byIndex(this.#key)) {
			if (deployment.metadata.labels?.[nodeLabel] === name) {
				// The plan sees the node until its pod has drained, and takes no other meanwhile.
				await this.#writer.remove("Deployment", deployment, "Foreground");
			}
		}
	}

	/** Who chose the image can change without a change of the image. That restarts nothing. */
	async #noteImageSource({ namespace, name, imageFrom }: FederationIntent, node: NodeIntent): Promise<void> {
		const { store } = this.#parts.caches.deployments;
		const deployment = store.get(objectKey(namespace, nodeObjectName(name, node.name)));
		if (!deployment || deployment.metadata.annotations?.[imageFromAnnotation] === imageFrom) return;
		const annotated = await this.#writer.annotate(this.#parts.client, deploymentResource, deployment, {
			[imageFromAnnotation]: imageFrom,
		});
		if (annotated) store.remember(annotated);
	}

	/** Makes files again that somebody deleted of a node that runs its intent: a pod that starts again needs them. */
	async #restoreNodeFiles(intent: FederationIntent, secrets: NodeSecrets): Promise<void> {
		const { configMaps, secrets: kept } = this.#parts.caches;
		for (const node of intent.nodes) {
			if (!this.#isAtIntent(intent, node)) continue;
			await this.#noteImageSource(intent, node);
			if (node.strategy === "Live") await restoreLive(intent, node, secrets, this.#parts, this.#writer);
			const files = objectKey(intent.namespace, nodeConfigurationName(node));
			if (configMaps.store.get(files) && kept.store.get(files)) continue;
			const { configuration, secret } = nodeObjects(intent, node, secrets);
			await this.#writer.createConfigMap(configuration);
			await this.#writer.createSecret(secret);
		}
	}
}

function observation(
	{ caches, routerReports, dnsLookups, domainSettings, now }: ReconcilerParts,
	key: string,
	object: KubernetesObject,
	facts: Facts,
): FederationObservation {
	const { intent } = facts;
	const { nodes: found, services } = observe(key, caches, routerReports, now(), intent ? withServices(intent) : {});
	const desired = intent?.nodes.map((node) => ({ ...node, revision: nodeRevision(node), live: liveRevision(node) }));
	const wanted = new Map(desired?.map((node) => [node.name, node]));
	const nodes = found.map(({ written, ...node }) => ({
		...node,
		...(facts.drifted?.has(node.name) && { drifted: true }),
		...(written && node.revision === wanted.get(node.name)?.revision && { takeOver: takeOver(written, now()) }),
	}));
	const applied = found.map((node) => ({
		...node,
		drifted: facts.drifted?.has(node.name),
		appliedLive: node.written?.applied,
		// What runs as it should need not be read.
		...(node.revision !== wanted.get(node.name)?.revision && { applied: recordOf(caches, object, node) }),
	}));
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
function withServices({ nodeAddresses, aliases = [] }: FederationIntent) {
	return {
		nodes: nodeAddresses.map(({ node }) => node),
		aliases: aliases.filter(({ direct }) => direct).map(({ name }) => name),
	};
}

/** What is wrong with the policy takes from the service as well. */
function policyRemarks(policy: PolicyInForce | undefined): readonly Problem[] {
	return (policy?.problems ?? []).map((problem) => ({
		...problem,
		field: `${policy?.object.kind} ${policy?.object.metadata.name} ${problem.field}`,
	}));
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

/** The intent that a node's Deployment was made from, as that revision's ConfigMap has it. */
function recordOf(caches: Caches, federation: KubernetesObject, node: { name: string; revision: string }): unknown {
	const { namespace, name } = federation.metadata;
	const record = objectKey(namespace, revisionedName(nodeObjectName(name, node.name), node.revision));
	return recordedIntent(caches.configMaps.store.get(record));
}

function certificateSource({ spec: { security } }: StoredFederation): ObservedCertificate["source"] {
	if (!security?.certificate) return "SelfSigned";
	return security.certificate.issuerRef ? "Issued" : "Given";
}

function stored(federation: XmppFederation, object: Observed): StoredFederation {
	const { namespace = "", uid, generation = 0 } = object.metadata;
	return {
		...federation,
		metadata: { ...federation.metadata, namespace, uid, generation },
		status: "status" in object ? object.status : undefined,
	};
}
