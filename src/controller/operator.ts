import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { Ask } from "../dns/asker.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { ApiError } from "../kubernetes/errors.ts";
import type { EventRecorder } from "../kubernetes/events.ts";
import { keyOf } from "../kubernetes/object.ts";
import { WorkQueue } from "../kubernetes/queue.ts";
import type { ReflectorTiming } from "../kubernetes/reflector.ts";
import { certificates, configMaps, dnsEndpoints, secrets } from "../kubernetes/resources.ts";
import type { OperatorDefaults } from "../model/federation-inputs.ts";
import { noTracing, type Tracing } from "../tracing/tracing.ts";
import { AliasStatusWriter } from "./alias-status-writer.ts";
import { Aliases } from "./aliases.ts";
import { type Caches, makeCaches, ownedOptions } from "./caches.ts";
import { Directories } from "./directories.ts";
import { DnsLookups, type LookupTiming } from "./dns-lookups.ts";
import { DomainSettings } from "./domain-settings.ts";
import { EmailAddresses } from "./email-addresses.ts";
import { FederationReconciler } from "./federation-reconciler.ts";
import type { OperatorMetrics } from "./metrics.ts";
import { NamedWatches } from "./named-watches.ts";
import { OptionalKind } from "./optional-kind.ts";
import { makeOwnedKinds } from "./owned-kinds.ts";
import { Policies } from "./policies.ts";
import { PolicyStatusWriter } from "./policy-status-writer.ts";
import { RouterReports } from "./router-reports.ts";
import { StatusWriter } from "./status-writer.ts";

export interface OperatorOptions {
	readonly client: KubernetesClient;
	readonly events: EventRecorder;
	readonly log: Logger;
	readonly metrics: OperatorMetrics;
	/** Absent: nothing is traced. */
	readonly tracing?: Tracing;
	readonly defaults: OperatorDefaults;
	/** Undefined: all namespaces. */
	readonly namespace: string | undefined;
	/** Looks up what DNS says. Undefined: nobody does. */
	readonly askDns?: Ask | undefined;
	readonly lookupTiming?: LookupTiming;
	/** Milliseconds of a second of the time between two looks into a directory. */
	readonly directorySecond?: number;
	/** Federations reconciled at once. */
	readonly concurrency: number;
	readonly onSynced?: () => void;
	readonly now?: () => Date;
	/** Of the watches. */
	readonly timing?: Partial<ReflectorTiming>;
}

/**
 * Reconciles XmppFederations until `signal` aborts. What runs then is finished before this returns, unless leadership is
 * lost: somebody else acts then.
 */
export async function operate(options: OperatorOptions, signal: AbortSignal, lost: AbortSignal): Promise<void> {
	const { client, events, log, metrics, defaults, namespace, concurrency, timing, now = () => new Date() } = options;
	const { tracing = noTracing } = options;
	// Watches fill the caches before anything is done: half a view would look like missing objects.
	const early = new Set<string>();
	let add = (key: string): void => void early.add(key);
	const onChange = (key: string) => add(key);

	// What is refused stands in the way of every federation, and its end is the way on for every one.
	const onRefusal = () => caches.federations.store.list().forEach((federation) => add(keyOf(federation)));
	const cacheOptions = { client, log, namespace, onChange, onRefusal, timing };
	const caches = makeCaches(cacheOptions);
	const routerReports = new RouterReports({ log, onChange });
	const { askDns } = options;
	const dnsLookups = new DnsLookups({ ask: askDns, onChange, timing: options.lookupTiming });
	const watches = { client, log, signal, onChange, timing };
	const policies = new Policies(caches, new NamedWatches({ resource: configMaps, ...watches }));
	const emailAddresses = new EmailAddresses({
		caches,
		configMaps: new NamedWatches({ resource: configMaps, ...watches }),
		secrets: new NamedWatches({ resource: secrets, ...watches }),
		directories: new Directories({ signal, onChange, second: options.directorySecond }),
		now,
	});
	const aliases = new Aliases(caches);
	const aliasTarget = { client, store: caches.aliases.store, events };
	const policyTarget = { client, store: caches.policies.store, events };
	const reconciler = new FederationReconciler({
		client,
		caches,
		ownedKinds: makeOwnedKinds(client, caches),
		secretWatches: new NamedWatches({ resource: secrets, ...watches }),
		configMapWatches: new NamedWatches({ resource: configMaps, ...watches }),
		certificates: new OptionalKind(ownedOptions(cacheOptions, certificates), signal),
		dnsEndpoints: new OptionalKind(ownedOptions(cacheOptions, dnsEndpoints), signal),
		routerReports,
		dnsLookups,
		domainSettings: new DomainSettings(caches.federations.store, onChange),
		events,
		statusWriter: new StatusWriter({ client, store: caches.federations.store, events, metrics, now }),
		policies,
		emailAddresses,
		policyStatusWriter: new PolicyStatusWriter(policies, policyTarget, now),
		aliases,
		aliasStatusWriter: new AliasStatusWriter(aliases, aliasTarget, now),
		metrics,
		tracing,
		defaults,
		now,
	});
	const queue = new WorkQueue({
		concurrency,
		hooks: metrics.queueHooks,
		leastDelay: (error) => (error instanceof ApiError ? (error.details.retryAfterSeconds ?? 0) * 1000 : 0),
		process: async (key, abort) => {
			const [federationNamespace, federation] = key.split("/");
			const reconcileLog = log.child({ namespace: federationNamespace, federation, reconcile: randomUUID() });
			const attributes = { "k8s.namespace.name": federationNamespace ?? "", "xmppfed.federation": federation ?? "" };
			try {
				const again = await tracing.span("reconcile", attributes, async (note) => {
					note({ "xmppfed.outcome": "error" });
					const delay = await reconciler.reconcile(key, reconcileLog, abort);
					note({ "xmppfed.outcome": delay === undefined ? "gone" : "success" });
					return delay;
				});
				if (again === undefined) queue.forget(key);
				else queue.addAfter(key, again);
			} catch (error) {
				reconcileLog.error({ err: error }, "reconcile failed; it will be tried again");
				throw error;
			}
		},
	});
	const running = [
		...Object.values(caches).map((cache) => cache.run(signal)),
		routerReports.run(signal),
		dnsLookups.run(signal),
	];
	try {
		void tellWhenFull(options, caches);
		// What is refused is told in the conditions of the federations; those must be known for that.
		await caches.federations.synced;
		await Promise.all(Object.values(caches).map((cache) => cache.answered));
		add = (key) => queue.add(key);
		for (const key of early) queue.add(key);
		early.clear();
		await aborted(signal);
	} catch (error) {
		if (!signal.aborted) throw error;
	} finally {
		// Leadership may also be lost while the last reconciles finish.
		lost.addEventListener("abort", () => void queue.stop({ abort: true }), { once: true });
		await queue.stop({ abort: lost.aborted });
		await Promise.all(running);
	}
}

/** Ends without a word where the operator is stopped before that. */
async function tellWhenFull({ log, onSynced }: OperatorOptions, caches: Caches): Promise<void> {
	const all = await Promise.allSettled(Object.values(caches).map((cache) => cache.synced));
	if (all.some(({ status }) => status === "rejected")) return;
	log.info({ federations: caches.federations.store.size }, "caches are full");
	onSynced?.();
}

async function aborted(signal: AbortSignal): Promise<void> {
	if (signal.aborted) return;
	await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
