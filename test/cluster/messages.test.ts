import { delimiter, dirname } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { buildKubectlPlugin, kubectlPlugin } from "../../deploy/build.ts";
import { type Crossing, converse, logIn, logOut } from "../../deploy/demo/conversation.ts";
import { gatewayStatuses } from "../../deploy/demo/gateway-status.ts";
import { federationReady } from "../../deploy/demo/stage.ts";
import { type CommandResult, run } from "../../deploy/lib/commands.ts";
import { useScene } from "../lib/cluster/environment.ts";
import { allPages } from "../lib/pages.ts";
import { shownCommands } from "../lib/shown-commands.ts";

const stage = useScene("messages");

test("people on two servers subscribe, write to each other and meet in a room, and do so again", async () => {
	const { scene, addresses } = stage;
	// The second time the rosters are not empty: what an earlier run left must not matter.
	for (const time of ["first", "second"]) {
		const couple = await logIn(scene, addresses);
		const crossings: Crossing[] = [];
		try {
			await converse(couple, scene, (crossing) => crossings.push(crossing));
		} finally {
			await logOut(couple);
		}
		const alice = `alice@${scene.internal.domain}`;
		const bob = `bob@${scene.remote.domain}`;
		expect(
			crossings.filter(({ to }) => to === bob).map(({ from }) => from),
			`${time} time, outgoing`,
		).toEqual([alice, alice, alice]);
		expect(crossings.filter(({ to }) => to === alice).length, `${time} time, incoming`).toBe(2);
		expect(
			crossings.filter(({ to }) => to.endsWith(`@${scene.internal.roomsDomain}`)).length,
			`${time} time, room`,
		).toBe(3);
	}
});

test("every stream with the peer is encrypted and authenticated", async () => {
	const { scene, addresses, kubectl } = stage;
	const couple = await logIn(scene, addresses);
	try {
		for (const [from, to] of [
			[couple.internal, couple.remote],
			[couple.remote, couple.internal],
		] as const) {
			await to.receiveMessage(await from.sendMessage(to.jid, "hello"));
		}
	} finally {
		await logOut(couple);
	}
	const statuses = await gatewayStatuses(kubectl, scene.internal.namespace, scene.federation, "federation");
	expect(statuses.map(({ node }) => node)).toEqual(["gw-1", "gw-2"]);
	const streams = statuses.flatMap((status) => status.streams).filter(({ peer }) => peer === scene.remote.domain);
	expect(new Set(streams.map(({ direction }) => direction))).toEqual(new Set(["incoming", "outgoing"]));
	for (const stream of streams) {
		expect(stream.state).toBe("Authenticated");
		expect(stream.tls?.version).toBe("TLSv1.3");
		// Nobody trusts the certificates of the scene.
		expect(stream.authentication).toBe("dialback in TLS");
	}
});

describe("kubectl xmppfed", () => {
	beforeAll(async () => void (await buildKubectlPlugin()));

	async function xmppfed(...args: readonly string[]): Promise<CommandResult> {
		const { scene, kubectl } = stage;
		const where = ["-n", scene.internal.namespace, "--kubeconfig", kubectl.cluster.kubeconfigPath];
		const env = { PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter) };
		return await run([kubectlPlugin, ...args, ...where], { env, accept: [0, 1, 2] });
	}

	/** What docs/kubectl.md says that it prints. */
	async function asShown(command: string): Promise<string> {
		const shown = (await allPages()).get("docs/kubectl.md")?.blocks.flatMap(shownCommands) ?? [];
		return comparable(shown.find((one) => one.command === command)?.printed ?? "");
	}

	/** Without times and the node that a peer's messages take. */
	function comparable(text: string): string {
		return text
			.trim()
			.replaceAll(/ +\d+ ms /g, " TIME ")
			.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
			.replaceAll(/\bgw-\d\b/g, "gw-N");
	}

	test("peers shows the streams of all nodes, through the API server alone", async () => {
		const { scene } = stage;
		const { stdout, stderr, code } = await xmppfed("peers", scene.federation);
		expect(code, `${stdout}${stderr}`).toBe(0);
		const rows = stdout.split("\n").filter((line) => line.startsWith(`${scene.remote.domain} `));
		expect(new Set(rows.map((row) => row.split(/ +/)[2]))).toEqual(new Set(["incoming", "outgoing"]));
		for (const row of rows) expect(row).toMatch(/ gw-[12] +TLSv1\.3 +dialback in TLS +Untrusted +CN=.* 20\d\d-/);
		expect(stdout).not.toContain("NOT READ");
	});

	test("check of a good peer comes to a stream", async () => {
		const { scene } = stage;
		const { stdout, stderr, code } = await xmppfed("check", scene.remote.domain, scene.federation, "--node", "gw-2");
		expect(code, `${stdout}${stderr}`).toBe(0);
		expect(stdout).toMatch(/^Verdict +ok .*: dialback in TLS$/m);
	});

	test("check of a peer that is not there fails with the cause and what to do; --peer shows the failure of a message", async () => {
		const { scene, addresses } = stage;
		const { stdout, stderr, code } = await xmppfed("check", "nobody.lab");
		expect(code, `${stdout}${stderr}`).toBe(2);
		expect(comparable(stdout)).toBe(await asShown("kubectl xmppfed check nobody.lab"));

		const couple = await logIn(scene, addresses);
		try {
			await couple.internal.receiveError(await couple.internal.sendMessage("somebody@nobody.lab", "hello"));
		} finally {
			await logOut(couple);
		}
		const after = await xmppfed("peers", "--peer", "nobody.lab");
		expect(comparable(after.stdout)).toBe(await asShown("kubectl xmppfed peers --peer nobody.lab"));
	});
});

test("kubectl get xf tells the truth at a glance", async () => {
	const { scene, kubectl } = stage;
	// The routers came before their upstream, and what they say of it is some seconds old.
	await federationReady(kubectl, scene.internal.namespace, scene.federation);
	const [head, row] = (await kubectl.run(["get", "xf", "-n", scene.internal.namespace])).trim().split("\n");
	expect(head?.split(/\s+/)).toEqual(["NAME", "DOMAIN", "NODES", "ENABLED", "POLICY", "READY", "REASON", "AGE"]);
	expect(row?.split(/\s+/).slice(0, -1)).toEqual([
		scene.federation,
		scene.internal.domain,
		"3/3",
		"2",
		"Allow",
		"True",
		"AllNodesReady",
	]);
});

test("kubectl describe xf explains it: conditions, DNS records and events", async () => {
	const { scene, kubectl } = stage;
	const text = await kubectl.run(["describe", "xf", scene.federation, "-n", scene.internal.namespace]);
	expect(text).toContain("The resource is valid and all its references are there.");
	expect(text).toContain("All 3 nodes are ready.");
	expect(text).toContain(`_xmpp-server._tcp.${scene.internal.domain}.`);
	const events = text.slice(text.lastIndexOf("\nEvents:"));
	expect(events).toMatch(/Normal\s+AllNodesReady/);
});
