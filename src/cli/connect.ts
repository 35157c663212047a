import { KubernetesClient } from "../kubernetes/client.ts";
import { Connection, loadKubeConfig } from "../kubernetes/connection.ts";
import { PodAccess } from "../kubernetes/pod-access.ts";
import { Failure } from "./failure.ts";

/** Owner of the annotations that this program sets. */
export const cliFieldManager = "kubectl-xmppfed";

export interface ConnectionSettings {
	readonly namespace?: string | undefined;
	readonly context?: string | undefined;
	readonly kubeconfig?: string | undefined;
}

export interface ClusterAccess {
	readonly client: KubernetesClient;
	readonly pods: PodAccess;
	readonly namespace: string;
	/** Name of the context of the kubeconfig. */
	readonly context: string;
	/** Whether the namespace was asked for by `-n`, not taken from the context. */
	readonly namespaceGiven: boolean;
}

/** Runs `work` with the cluster and namespace that kubectl would use. */
export async function withCluster<Result>(
	settings: ConnectionSettings,
	work: (access: ClusterAccess) => Promise<Result>,
): Promise<Result> {
	const config = kubeConfig(settings);
	const ofContext = config.getContextObject(config.getCurrentContext())?.namespace;
	const connection = new Connection(config);
	const client = new KubernetesClient(connection, { userAgent: cliFieldManager, fieldManager: cliFieldManager });
	try {
		return await work({
			client,
			pods: new PodAccess(connection),
			namespace: settings.namespace ?? ofContext ?? "default",
			context: config.getCurrentContext(),
			namespaceGiven: settings.namespace !== undefined,
		});
	} finally {
		await client.close();
	}
}

function kubeConfig(settings: ConnectionSettings) {
	try {
		return loadKubeConfig(settings);
	} catch (error) {
		throw new Failure(`no cluster to talk to: ${error instanceof Error ? error.message : String(error)}`);
	}
}
