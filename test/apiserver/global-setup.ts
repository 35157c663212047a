import type { TestProject } from "vitest/node";
import { ensureTools } from "../../deploy/toolchain/tools.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { loadKubeConfig } from "../../src/kubernetes/connection.ts";
import { startControlPlane } from "./control-plane.ts";
import { applyCrds } from "./crds.ts";

declare module "vitest" {
	interface ProvidedContext {
		/** Path of an administrator's kubeconfig of the control plane that all tests share; each makes its namespace. */
		kubeconfig: string;
		/** etcd's client URL. */
		etcd: string;
		/** Programs, for tests that start a control plane of their own, and Helm 4 and 3. */
		binaries: Readonly<Record<(typeof programs)[number], string>>;
	}
}

const programs = ["etcd", "kube-apiserver", "kubectl", "helm", "helm3"] as const;

/** One real etcd and kube-apiserver for all tests of the project. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
	const binaries = await ensureTools(programs);
	const controlPlane = await startControlPlane(binaries);
	const client = new KubernetesClient(loadKubeConfig({ kubeconfig: controlPlane.kubeconfig }));
	try {
		await applyCrds(client);
	} catch (error) {
		await controlPlane.stop();
		throw error;
	} finally {
		await client.close();
	}
	project.provide("kubeconfig", controlPlane.kubeconfig);
	project.provide("etcd", controlPlane.etcd);
	project.provide("binaries", binaries);
	return async () => await controlPlane.stop();
}
