import type { TestProject } from "vitest/node";
import { provideImages } from "../../deploy/demo/images.ts";
import { Kubectl } from "../../deploy/demo/kubectl.ts";
import { installOperator } from "../../deploy/demo/operator.ts";
import { clusterDown, clusterUp } from "../../deploy/kind/cluster.ts";
import { step } from "../../deploy/lib/steps.ts";
import { installUpstream } from "../lib/cluster/upstream.ts";

/**
 * One cluster for all cluster tests, with the operator of this checkout. It is removed afterwards, unless
 * XMPPFED_KEEP_CLUSTER is set: then it stays for the next run, and `npm run cluster -- down --name xmppfed-test` removes it.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
	const name = process.env["XMPPFED_TEST_CLUSTER"] ?? "xmppfed-test";
	const remove = async () => {
		if (!process.env["XMPPFED_KEEP_CLUSTER"]) await clusterDown({ name });
	};
	try {
		const cluster = await clusterUp({ name });
		const images = await step("images of the operator, the gateway and the XMPP servers", () => provideImages(cluster));
		const kubectl = new Kubectl(cluster);
		await step("operator, by its Helm chart", () => installOperator(kubectl, images));
		await step("upstream of federations that stand alone", () => installUpstream(kubectl, images.xmppServer));
		project.provide("cluster", { clusterName: name, images });
	} catch (error) {
		await remove();
		throw error;
	}
	return remove;
}
