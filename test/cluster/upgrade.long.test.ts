import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { installOperator } from "../../deploy/demo/operator.ts";
import { federationReady } from "../../deploy/demo/stage.ts";
import { buildImage, clusterLoad, findCluster } from "../../deploy/kind/cluster.ts";
import { run } from "../../deploy/lib/commands.ts";
import { images, useNamespace } from "../lib/cluster/environment.ts";
import { apply, standAlone } from "../lib/cluster/federation.ts";
import { awaitLook, runningPods } from "../lib/cluster/pods.ts";

/** The first commit with today's form of the intent: links over TLS, restart of all routers (decisions 5 and 7). */
const older = "17ad1df";

const root = fileURLToPath(new URL("../..", import.meta.url));
const stage = useNamespace("upgrade-long");

afterAll(async () => await installOperator(stage.kubectl, images()));

test(`the operator of commit ${older} is replaced by today's, and no gateway restarts`, async () => {
	const { kubectl, namespace } = stage;
	const cluster = await findCluster({ name: kubectl.cluster.name });
	if (!cluster) throw new Error(`cluster ${kubectl.cluster.name} is gone`);
	const checkout = await mkdtemp(join(tmpdir(), "xmppfed-older-"));
	try {
		await run(["sh", "-c", `git -C "$1" archive ${older} | tar -x -C "$2"`, "sh", root, checkout]);
		await symlink(join(root, "node_modules"), join(checkout, "node_modules"));
		await run([process.execPath, join(checkout, "deploy/build.ts")]);
		const tag = `localhost/xmpp-federation-operator:${older}`;
		await clusterLoad(cluster, [await buildImage({ context: join(checkout, "dist/operator"), tag })]);
		await installOperator(kubectl, { ...images(), operator: tag }, checkout);

		const name = "kept";
		await apply(kubectl, standAlone(namespace, name, { resolver: { enabled: true } }));
		await federationReady(kubectl, namespace, name);
		const before = await runningPods(kubectl, namespace, name);
		expect([...before.keys()].toSorted()).toEqual(["gw-1", "gw-2", "gw-3"]);

		await installOperator(kubectl, images());
		await awaitLook(kubectl, namespace, name, "today");
		await federationReady(kubectl, namespace, name);
		expect(await runningPods(kubectl, namespace, name)).toEqual(before);
	} finally {
		await rm(checkout, { recursive: true, force: true });
	}
});
