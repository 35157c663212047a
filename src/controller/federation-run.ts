import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { XmppFederation } from "../api/xmpp-federation.ts";
import { emailAddressFiles } from "../gateway/layout.ts";
import { type Observed, objectKey } from "../kubernetes/object.ts";
import type { DialbackStep } from "../model/dialback-rotation.ts";
import { modelFederation } from "../model/federation.ts";
import { dialbackOf } from "../model/federation-credentials.ts";
import type { FederationInputs, NodeSecrets } from "../model/federation-inputs.ts";
import type { FederationIntent } from "../model/intent.ts";
import { emailAddressesName } from "../model/names.ts";
import { recordedPolicy } from "../model/policy/in-force.ts";
import type { Problem } from "../model/problem.ts";
import type { StoredFederation } from "../model/stored-federation.ts";
import { revisionAnnotation } from "../objects/annotations.ts";
import { readEmailAddresses, unusedEmailAddressSecrets } from "../objects/email-addresses.ts";
import { type SharedObjects, sharedObjects } from "../objects/federation-objects.ts";
import { nodeLabel } from "../objects/labels.ts";
import { recordedIntent, revisionedName } from "../objects/node-configuration.ts";
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
import { type EmailAddressesFound, writeEmailAddresses } from "./email-addresses.ts";
import { ensureDnsEndpoint } from "./external-dns.ts";
import { FederationWriter } from "./federation-writer.ts";
import { gatherInputs } from "./inputs.ts";
import { ensureLinkCertificates } from "./link-certificates.ts";
import { refreshPods } from "./live-objects.ts";
import { NodeSteps } from "./node-steps.ts";
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

/** What a federation should be. */
interface Modelled {
	readonly intent: FederationIntent;
	readonly secrets: NodeSecrets;
	/** What is to be said of it besides. */
	readonly known: Facts & Required<Pick<Facts, "remarks">>;
}

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

	/** @param save says in status what came of it; gives the milliseconds until the federation is to be looked at again */
	async carryOut(save: (facts: Facts) => Promise<number>): Promise<number> {
		const modelled = await this.#model();
		if (!("secrets" in modelled)) return await save(modelled);
		const { intent, secrets, known } = modelled;
		const nodes = new NodeSteps(this.#parts, this.#key, intent, secrets, this.#writer, this.#log);
		const drifted = nodes.drifted();
		const { objects, addresses, remarks } = await this.#share(intent);
		const facts = (): Facts => ({
			...known,
			intent,
			drifted,
			remarks: [...known.remarks, ...remarks],
			emailAddresses: addresses && this.#addressesGiven(addresses),
			obstacles: this.#writer.obstacles,
		});
		const seen = observation(this.#parts, this.#key, this.#object, facts());
		// Before the act: nobody has to guess why a node went away.
		if (seen.plan.steps.length > 0 && seen.causes.length > 0) {
			await save({ ...facts(), acting: true });
			await this.#stage("announce", () => this.#announce(seen));
		}
		for (const step of seen.plan.steps) {
			const attributes = { step: step.kind, "xmppfed.node": step.node };
			await this.#stage("step", () => nodes.take(step, seen.causes), attributes);
		}
		const unused = addresses?.secrets && unusedEmailAddressSecrets(intent.name, addresses.secrets.files.length);
		await this.#stage("tidy", async () => {
			await nodes.restoreFiles();
			// Before pods look for files: what is left over would be read with the others.
			await removeUnused(this.#key, intent, objects, this.#parts.caches, this.#writer, unused ?? []);
			await this.#refreshPods(seen.plan.steps, facts());
		});
		return await save(facts());
	}

	/** What the federation should be, or what is to be said where that is not known. Nodes stay as they are. */
	async #model(): Promise<Modelled | Facts> {
		const { defaults, now, caches, domainSettings } = this.#parts;
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
		if (!inputs || !linked) return { obstacles: writer.obstacles, aliases };
		const dialback = await this.#stage("dialback", () => this.#replaceDialback(inputs));
		if (dialback === "Obstructed") return { obstacles: writer.obstacles, aliases };
		const internalAddresses = observeServices(this.#key, caches).internal?.ingress;
		const policy = await this.#stage("policy", () => this.#parts.policies.inForce(this.#key, () => this.#records()));
		const named = policy && { name: policy.object.metadata.name, effective: policy.effective };
		const more = { defaults, internalAddresses, policy: named, dialbackInForce: dialback?.signing.value };
		const model = await this.#stage("model", async () =>
			modelFederation(this.#federation, { ...inputs, ...more }, now()),
		);
		if (!model.ok) {
			domainSettings.noteUnaccepted(this.#object);
			return { problems: model.problems, certificate: model.certificate, policy, aliases };
		}
		const intent = intentForNow(this.#parts, this.#key, model.intent);
		domainSettings.note(this.#object, intent, model.secrets);
		return {
			intent,
			secrets: model.secrets,
			known: {
				warnings: model.warnings,
				remarks: [...model.remarks, ...policyRemarks(policy)],
				policy,
				aliases,
				certificate: { ...model.certificate, source: certificateSource(this.#federation) },
				dialback: this.#federation.spec.security?.dialback?.secretRef ? "Given" : "Generated",
				dialbackWaitsFor: dialback?.waitsFor ?? [],
				changesAt: dialback?.again,
			},
		};
	}

	/** Writes what is the same for all nodes. */
	async #share(intent: FederationIntent) {
		const addresses = await this.#stage("email addresses", () =>
			this.#parts.emailAddresses.read(this.#key, this.#federation),
		);
		if (addresses?.secrets) await writeEmailAddresses(addresses.secrets, this.#writer);
		const objects = sharedObjects(intent);
		await this.#stage("shared objects", () => this.#writeShared(objects));
		const unpublished = await this.#stage("external-dns", () => this.#tellExternalDns(intent));
		return { objects, addresses, remarks: [...(addresses?.problems ?? []), ...unpublished] };
	}

	/** One stage of the reconcile, as a span of its own. */
	async #stage<T>(name: string, work: () => Promise<T>, attributes: SpanAttributes = {}): Promise<T> {
		return await this.#parts.tracing.span(name, attributes, work);
	}

	/** With the mapping that routers were given last. */
	#addressesGiven({ secrets, problems }: EmailAddressesFound): EmailAddressesObservation {
		const { namespace, name } = this.#federation.metadata;
		const key = objectKey(namespace, emailAddressesName(name, emailAddressFiles.index));
		const secret = this.#parts.caches.secrets.store.get(key);
		const given = secret && this.#writer.owns(secret) ? readEmailAddresses(secret) : undefined;
		return { given, isAwaited: secrets === undefined && problems.length === 0, problems };
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
