import { expect, test } from "vitest";
import { gatewayPods, gatewayStatuses } from "../../deploy/demo/gateway-status.ts";
import { federationReady } from "../../deploy/demo/stage.ts";
import { until } from "../../deploy/demo/until.ts";
import { linkCertificateSecretName } from "../../src/model/names.ts";
import { useNamespace } from "../lib/cluster/environment.ts";
import { apply, standAlone } from "../lib/cluster/federation.ts";

const stage = useNamespace("link-certificates");

test("a link certificate made anew is in use in every pod within minutes; no pod restarts, no link ends", async () => {
	const { kubectl, namespace } = stage;
	const name = "renewed";
	await apply(kubectl, standAlone(namespace, name));
	await federationReady(kubectl, namespace, name);
	const statuses = async () =>
		(
			await Promise.all(
				(["router", "federation"] as const).map((role) => gatewayStatuses(kubectl, namespace, name, role)),
			)
		).flat();
	const pods = async () =>
		(await gatewayPods(kubectl, namespace, name)).map(({ metadata, status }) => [
			metadata.uid,
			status.containerStatuses?.map(({ restartCount }) => restartCount),
		]);
	const links = async () =>
		(await statuses()).flatMap((status) =>
			status.links.map((link) =>
				[status.role, status.node, link.node, link.state, link.since, link.tls?.version].join(" "),
			),
		);
	const [podsBefore, before] = [await pods(), await statuses()];
	const linksBefore = (await links()).toSorted();
	// Three routers to two federation connection managers, told by both sides
	expect(linksBefore).toHaveLength(12);
	for (const link of linksBefore) expect(link).toMatch(/ Up .* TLSv1\.3$/);
	const old = new Set(before.map(({ linkCertificate }) => linkCertificate.notAfter));
	expect(old.size).toBe(1);

	await kubectl.delete("secret", linkCertificateSecretName(name), namespace);
	const started = Date.now();
	await until(
		"every process to use the new certificate",
		async () => (await statuses()).every(({ linkCertificate: { notAfter } }) => notAfter && !old.has(notAfter)),
		{ timeout: 240_000 },
	);
	console.log(`in use everywhere after ${Math.round((Date.now() - started) / 1000)} s`);
	expect(await pods()).toEqual(podsBefore);
	expect((await links()).toSorted()).toEqual(linksBefore);
});
