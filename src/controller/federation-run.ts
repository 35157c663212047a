import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { XmppFederation } from "../api/xmpp-federation.ts";
import { emailAddressFiles } from "../gateway/layout.ts";
import { type Observed, objectKey } from "../kubernetes/object.ts";
import { deployments as deploymentResource } from "../kubernetes/resources.ts";
import type { DialbackStep } from "../model/dialback-rotation.ts";
import { modelFederation } from "../model/federation.ts";
import { dialbackOf } from "../model/federation-credentials.ts";
import type { FederationInputs, NodeSecrets } from "../model/federation-inputs.ts";
import type { FederationIntent, NodeIntent } from "../model/intent.ts";
import { emailAddressesName, nodeObjectName } from "../model/names.ts";
import { recordedPolicy } from "../model/policy/in-force.ts";
import type { Problem } from "../model/problem.ts";
import { nodeRevision } from "../model/revision.ts";
import type { StoredFederation } from "../model/stored-federation.ts";
import { imageFromAnnotation, revisionAnnotation } from "../objects/annotations.ts";
import { readEmailAddresses, unusedEmailAddressSecrets } from "../objects/email-addresses.ts";
import { nodeObjects, type SharedObjects, sharedObjects } from "../objects/federation-objects.ts";
import { nodeLabel } from "../objects/labels.ts";
import { nodeConfigurationName, recordedIntent, revisionedName } from "../objects/node-configuration.ts";
import { nodeDeployment } from "../objects/node-deployment.ts";
import { nodeLiveName, readLive } from "../objects/node-live.ts";
import { causesOfStep, describeCause } from "../rollout/causes.ts";
import type { Step } from "../rollout/plan.ts";
import { dnsRecords } from "../status/dns-records.ts";
import { lateForEmailAddresses } from "../status/email-address-nodes.ts";
import type {
	EmailAddressesObservation,
	FederationObservation,
	ObservedCertificate,
} from "../status/federation-observation.ts";
import type { SpanAttributes } from "../tracing/tracing.ts";
import { ensureDialback } from "./dialback.ts";
import { writeEmailAddresses } from "./email-addresses.ts";
import { ensureDnsEndpoint } from "./external-dns.ts";
import { FederationWriter } from "./federation-writer.ts";
import { gatherInputs } from "./inputs.ts";
import { ensureLinkCertificates } from "./link-certificates.ts";
import { refreshPods, restoreLive, writeLive } from "./live-objects.ts";
import { observe, observeServices } from "./observe.ts";
import { type Facts, intentForNow, observation, type ReconcilerParts, withServices } from "./observe-federation.ts";
import type { NodeRecord, PolicyInForce } from "./policies.ts";
import { removeUnused } from "./unused-objects.ts";

/** Milliseconds for which a step waits for its Events: what they tell stands in status already. */
const announceTimeout = 1_000;

const verbs = {
	Create: "starts",
	Apply: "takes over while it runs",
	Restart: "restarts",
	Remove: "is removed",
} as const;

/** One reconcile of a federation whose resource could be read. */
export class FederationRun {
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

		const { secrets } = model;
		const intent = intentForNow(this.#parts, this.#key, model.intent);
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

/** What is wrong with the policy takes from the service as well. */
function policyRemarks(policy: PolicyInForce | undefined): readonly Problem[] {
	return (policy?.problems ?? []).map((problem) => ({
		...problem,
		field: `${policy?.object.kind} ${policy?.object.metadata.name} ${problem.field}`,
	}));
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
