import { randomUUID } from "node:crypto";
import type { KubeConfig } from "@kubernetes/client-node";
import type { Logger } from "pino";
import { dnsAsker } from "../dns/asker.ts";
import { KubernetesClient } from "../kubernetes/client.ts";
import { Connection } from "../kubernetes/connection.ts";
import { EventRecorder } from "../kubernetes/events.ts";
import { LeaderElection } from "../kubernetes/leader.ts";
import type { RequestRecord } from "../kubernetes/requests.ts";
import { startTracing } from "../tracing/tracing.ts";
import { awaitDefinitions } from "./definitions.ts";
import { serveHttp } from "./http.ts";
import { OperatorMetrics } from "./metrics.ts";
import { operate } from "./operator.ts";
import type { OperatorSettings } from "./options.ts";

/** Runs the operator: waits for the lease, then reconciles until `signal` aborts. */
export async function runOperator(
	settings: OperatorSettings,
	kubeConfig: KubeConfig,
	log: Logger,
	signal: AbortSignal,
): Promise<void> {
	const metrics = new OperatorMetrics();
	const identity = `${settings.identity}_${randomUUID()}`;
	const tracing = await startTracing(process.env, settings.identity, log);
	const onRequest = (record: RequestRecord) => {
		metrics.request(record);
		tracing.request(record);
	};
	// Of the four connections beside the watches one is the lease's alone: where calls pile up behind a slow webhook, a
	// renewal that waited with them would come too late.
	const leaseClient = new KubernetesClient(new Connection(kubeConfig, 1), { onRequest });
	const reader = new KubernetesClient(new Connection(kubeConfig, 3), { onRequest });
	const leader = new LeaderElection({
		client: leaseClient,
		log,
		namespace: settings.leaderElectionNamespace,
		name: "xmpp-federation-operator",
		identity,
		timing: settings.leaderTiming,
	});
	const client = reader.with({ beforeWrite: () => leader.assertLeading() });
	let synced = false;
	// A replica that stands by is ready to take over.
	const health = { live: () => true, ready: () => !leader.isLeading || synced };
	const http = await serveHttp(settings.httpPort, health, metrics.registry);
	const { gatewayImage, resolverImage, clusterDomain, operatorPods, namespace, concurrency } = settings;
	try {
		await leader.run(signal, async (lost) => {
			metrics.leader(true);
			const events = new EventRecorder({
				client,
				log,
				controller: "xmppfed.dev/operator",
				instance: settings.identity,
			});
			try {
				const defaults = { gatewayImage, resolverImage, clusterDomain, operatorPods };
				const onSynced = () => void (synced = true);
				const stop = AbortSignal.any([signal, lost]);
				await awaitDefinitions(reader, log, stop);
				const askDns = dnsAsker(settings.dnsServers);
				const options = { client, events, log, metrics, tracing, defaults, namespace, askDns, concurrency, onSynced };
				await operate(options, stop, lost);
			} finally {
				synced = false;
				metrics.leader(false);
				// While the lease is still ours; without it nothing more is written.
				await events.stop({ drop: lost.aborted });
			}
		});
	} finally {
		http.close();
		http.closeAllConnections();
		await Promise.all([reader.close(), leaseClient.close(), tracing.stop()]);
	}
}
