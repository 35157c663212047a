import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { logIn, logOut } from "../../deploy/demo/conversation.ts";
import { gatewayStatuses } from "../../deploy/demo/gateway-status.ts";
import { CERTIFICATE_SECRET } from "../../deploy/demo/scene.ts";
import type { LiveFederation } from "../../deploy/demo/stage.ts";
import { until } from "../../deploy/demo/until.ts";
import type { FederationPolicy } from "../../src/api/federation-policy.ts";
import { makeSelfSignedCertificate } from "../../src/controller/self-signed-certificate.ts";
import { PlayedPeers } from "../gateway/lib/raw-peer.ts";
import { useScene } from "../lib/cluster/environment.ts";
import { apply } from "../lib/cluster/federation.ts";
import { runningPods } from "../lib/cluster/pods.ts";
import { Traffic } from "../lib/cluster/traffic.ts";
import { isLong } from "../lib/scale.ts";

type LivePolicy = FederationPolicy & { readonly apiVersion: string };

/** Messages in a second, each way. */
const RATE = 100;
const names = ["gw-1", "gw-2", "inside"];

/** Changes that nodes take over while they run. Each test goes on from where the one before it ended. */
describe("while nodes run", () => {
	const stage = useScene("live", {
		// It loses nothing when a stream ends, other than an ejabberd (test/gateway/ejabberd-stream-end.long.test.ts).
		internalServer: "prosody",
		nodes: [{ name: "gw-1", federation: "Enabled" }, { name: "gw-2", federation: "Enabled" }, { name: "inside" }],
	});
	const { namespace, domain, roomsDomain } = stage.scene.internal;

	beforeAll(async () => {
		await stage.kubectl.patch("xmppfederation", stage.scene.federation, namespace, {
			spec: { rollout: { strategy: "Live" } },
		});
		await until("every node to have its settings in force", async () => (await inForce()).every(Boolean), patience);
		await rolloutOver();
	});

	const patience = {
		timeout: 300_000,
		explain: async () => JSON.stringify((await federation()).status, undefined, "\t"),
	};

	async function federation(): Promise<LiveFederation> {
		const found = await stage.kubectl.find<LiveFederation>("xmppfederation", stage.scene.federation, namespace);
		if (!found) throw new Error(`federation ${stage.scene.federation} is gone`);
		return found;
	}

	/** Live revision of each node, as far as all its processes have it in force. */
	async function inForce(): Promise<readonly (string | undefined)[]> {
		const { status } = await federation();
		return names.map((name) => status?.nodes?.find((node) => node.name === name)?.liveRevision);
	}

	async function rolloutOver(): Promise<void> {
		await until("the roll-out to be over", async () => (await federation()).status?.rollout === undefined, patience);
	}

	async function replaceCertificate(): Promise<string> {
		const { certificate, key } = await makeSelfSignedCertificate([domain, roomsDomain], new Date());
		const data = { "tls.crt": certificate, "tls.key": key };
		await stage.kubectl.patch("secret", CERTIFICATE_SECRET, namespace, { data });
		return new X509Certificate(Buffer.from(certificate, "base64")).fingerprint256;
	}

	/** What a peer is shown that comes now. @param to domain that it asks for */
	async function shown(to = domain): Promise<string | undefined> {
		const endpoint = (await federation()).status?.endpoints?.find((each) => each.for === "Public");
		if (!endpoint) throw new Error("the federation has no address for peers");
		using stream = await PlayedPeers.open(endpoint.host, endpoint.port, "somebody.lab", to);
		return stream.peerFingerprint;
	}

	const running = async () => await runningPods(stage.kubectl, namespace, stage.scene.federation);

	/** Digests of the policies that federation connection managers enforce. */
	async function enforced(): Promise<readonly (string | undefined)[]> {
		const statuses = await gatewayStatuses(stage.kubectl, namespace, stage.scene.federation, "federation");
		return statuses.map(({ policy }) => policy?.digest);
	}

	/** Waits until another policy than before is in force at every node after `change`, and gives its digest. */
	async function programmed(what: string, change: () => Promise<void>): Promise<string> {
		const find = async () => await stage.kubectl.find<LivePolicy>("federationpolicy", "blocked", namespace);
		const before = (await find())?.status?.digest;
		const startedAt = performance.now();
		await change();
		const digest = await until(
			`${what} to be in force`,
			async () => {
				const { status } = (await find()) ?? {};
				const isProgrammed = status?.conditions?.some(({ type, status: is }) => type === "Programmed" && is === "True");
				return isProgrammed && status?.digest !== before ? status?.digest : undefined;
			},
			{ ...patience, interval: 100 },
		);
		console.log(`${what} in force at every node after ${Math.round(performance.now() - startedAt)} ms`);
		expect(await enforced()).toEqual([digest, digest]);
		return digest;
	}

	/** What is lost, and comes back, of messages both ways while `work` is done. */
	async function underTraffic(work: () => Promise<void>): Promise<object> {
		const couple = await logIn(stage.scene, stage.addresses);
		try {
			const traffic = Traffic.start(couple, RATE);
			await traffic.flows();
			await work();
			await traffic.flows();
			const { outgoing, incoming } = await traffic.stop();
			console.log(JSON.stringify({ outgoing, incoming }));
			return { lost: outgoing.lost + incoming.lost, returned: outgoing.returned + incoming.returned };
		} finally {
			await logOut(couple);
		}
	}

	test("a new certificate restarts nothing with the strategy Live: it is on the wire at every node, and no message is lost", async () => {
		const [before, pods] = [await inForce(), await running()];
		const delivery = await underTraffic(async () => {
			const startedAt = performance.now();
			const fingerprint = await replaceCertificate();
			await until(
				"every node to have it in force",
				async () => (await inForce()).every((revision, index) => revision !== undefined && revision !== before[index]),
				{ ...patience, interval: 100 },
			);
			console.log(`in force at every node after ${Math.round(performance.now() - startedAt)} ms`);
			// The address leads to either node.
			for (let look = 0; look < 8; look++) expect(await shown()).toBe(fingerprint);
			await rolloutOver();
		});
		expect(delivery).toEqual({ lost: 0, returned: 0 });
		expect(await running()).toEqual(pods);
		expect((await federation()).status?.finishedRollouts?.[0]?.causes).toMatchObject([
			{ reason: "CertificateChanged", scope: "None", nodes: names },
		]);
	});

	test("an alias comes and goes with the strategy Live: it is served at every node, nothing restarts, no message is lost", async () => {
		const [before, pods] = [await inForce(), await running()];
		const alias = `live-rooms.${domain}`;
		const changed = async (than: readonly (string | undefined)[]) =>
			await until(
				"every node to have it in force",
				async () => (await inForce()).every((revision, index) => revision !== undefined && revision !== than[index]),
				patience,
			);
		const delivery = await underTraffic(async () => {
			await apply(stage.kubectl, {
				apiVersion: "xmppfed.dev/v1alpha1",
				kind: "ChatNodeAlias",
				metadata: { name: "live-rooms", namespace },
				spec: { federationRef: { name: stage.scene.federation }, alias, node: "inside" },
			});
			await changed(before);
			for (let look = 0; look < 4; look++) expect(await shown(alias)).toBeDefined();
			const served = await inForce();
			await stage.kubectl.delete("chatnodealias", "live-rooms", namespace);
			await changed(served);
			await rolloutOver();
		});
		expect(delivery).toEqual({ lost: 0, returned: 0 });
		expect(await running()).toEqual(pods);
		expect((await federation()).status?.finishedRollouts?.[0]?.causes).toMatchObject([
			{ reason: "AliasChanged", scope: "None", nodes: names },
		]);
	});

	test("100,000 domains are denied with the strategy Live: nothing restarts, and streams that are open go by it", async () => {
		const pods = await running();
		const list = (place: number, ...more: readonly string[]) => {
			const domains = Array.from({ length: 25_000 - more.length }, (_, index) => `d${place}-${index}.blocked.example`);
			const data = { domains: [...domains, ...more].join("\n") };
			return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: `blocked-${place}`, namespace }, data };
		};
		const lists = [list(0), list(1), list(2), list(3, stage.scene.remote.domain)];
		await stage.kubectl.apply(...lists);
		const couple = await logIn(stage.scene, stage.addresses);
		const send = async (text: string) => await couple.internal.sendMessage(couple.remote.jid, text);
		try {
			await couple.remote.receiveMessage(await send("before"));
			const first = await programmed("100,000 domains", async () => {
				await apply(stage.kubectl, {
					apiVersion: "xmppfed.dev/v1alpha1",
					kind: "FederationPolicy",
					metadata: { name: "blocked", namespace },
					spec: {
						federationRef: { name: stage.scene.federation },
						default: "Allow",
						exceptionsFrom: lists.map(({ metadata }) => ({ configMapRef: { name: metadata.name } })),
					},
				});
			});
			expect(await couple.internal.receiveError(await send("denied"))).toMatchObject({ condition: "policy-violation" });
			const second = await programmed("another domain", async () => {
				await stage.kubectl.apply(list(3, "other.example"));
			});
			expect(second).not.toBe(first);
			await couple.remote.receiveMessage(await send("after"));
		} finally {
			await logOut(couple);
		}
		await rolloutOver();
		expect(await running()).toEqual(pods);
		expect((await federation()).status?.finishedRollouts?.[0]?.causes).toMatchObject([
			{ reason: "PolicyChanged", scope: "None", nodes: names },
		]);
	});

	// Roll-outs under traffic are in restart.test.ts as well.
	const rolling = isLong ? (["Documented"] as const) : [];
	test.each(rolling)(
		"a new certificate restarts every node, one after the other, with the strategy %s",
		async (strategy) => {
			await stage.kubectl.patch("xmppfederation", stage.scene.federation, namespace, {
				spec: { rollout: { strategy } },
			});
			await until("every node to be on its own", async () => !(await inForce()).some(Boolean), patience);
			await rolloutOver();
			const pods = await running();
			const finished = JSON.stringify((await federation()).status?.finishedRollouts?.[0]);
			let fingerprint = "";
			const delivery = await underTraffic(async () => {
				fingerprint = await replaceCertificate();
				await until(
					"the roll-out to be over",
					async () => {
						const { status } = await federation();
						return !status?.rollout && JSON.stringify(status?.finishedRollouts?.[0]) !== finished;
					},
					patience,
				);
			});
			expect(delivery).toMatchObject({ lost: 0 });
			expect(await shown()).toBe(fingerprint);
			const after = await running();
			expect([...after].filter(([node, pod]) => pods.get(node) === pod)).toEqual([]);
			expect((await federation()).status?.finishedRollouts?.[0]?.causes).toMatchObject([
				{ reason: "CertificateChanged", scope: "Node", nodes: names },
			]);
		},
	);
});
