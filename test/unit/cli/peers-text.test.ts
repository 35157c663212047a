import { describe, expect, test } from "vitest";
import { peersText } from "../../../src/cli/peers-text.ts";
import { type PodAnswer, peersStatus } from "../../../src/cli/peers-view.ts";
import { type Paint, plain } from "../../../src/cli/terminal.ts";
import { allPages } from "../../lib/pages.ts";

const now = new Date("2026-06-01T12:00:00Z");
const pod = (node: string, federation = "example") => ({
	namespace: "chat",
	name: `${federation}-${node}-abc`,
	federation,
	node,
	containers: ["router", "federation"],
});

const stream = {
	peer: "good.example",
	local: "example.com",
	direction: "outgoing",
	state: "Authenticated",
	address: "192.0.2.1",
	tls: { version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384" },
	authentication: "SASL EXTERNAL",
	certificate: {
		state: "Valid",
		issuer: "CN=R11, O=Let's Encrypt",
		names: ["good.example", "*.good.example"],
		moreNames: 3,
		notAfter: "2026-08-01T00:00:00Z",
	},
	since: "2026-06-01T11:00:00Z",
	stanzas: 42,
	queued: 0,
};

const gw1: PodAnswer = {
	pod: pod("gw-1"),
	status: peersStatus.parse({
		streams: [
			stream,
			{ ...stream, direction: "incoming", certificate: { ...stream.certificate, notAfter: "2026-06-05T00:00:00Z" } },
			{ peer: "old.example", direction: "outgoing", state: "Negotiating", queued: 2, stanzas: 0 },
		],
		failures: [
			{
				peer: "lost.example",
				local: "example.com",
				direction: "outgoing",
				at: "2026-06-01T11:58:00Z",
				cause: "ConnectionRefused",
				detail: "192.0.2.7 port 5269: connection refused",
			},
			{ peer: "new.example", direction: "incoming", at: "2026-06-01T11:59:00Z", cause: "FromTheFuture" },
		],
	}),
};

const answers: readonly PodAnswer[] = [
	gw1,
	{
		pod: pod("gw-2"),
		status: peersStatus.parse({
			streams: [
				{
					...stream,
					authentication: "dialback in TLS",
					certificate: { ...stream.certificate, state: "Expired", notAfter: "2026-05-01T00:00:00Z" },
				},
			],
			failures: [
				{ peer: "lost.example", direction: "outgoing", at: "2026-06-01T11:57:00Z", cause: "ConnectionRefused" },
			],
		}),
	},
	{ pod: pod("gw-3"), problem: "it does not run: it is Pending" },
];

const options = { wide: false, withFederation: false, peer: undefined, now, paint: plain };

describe("peers", () => {
	test("of several nodes, with failures and what cannot be read", async () => {
		const text = peersText(answers, options);
		await expect(text).toMatchFileSnapshot("golden/peers.txt");
		// docs/kubectl.md shows it.
		const shown = (await allPages()).get("docs/kubectl.md")?.blocks.map((block) => block.text);
		expect(shown).toContain(`${text}\n`);
	});

	test("wide, of several federations", async () => {
		const text = peersText([...answers, { ...gw1, pod: pod("gw-1", "another") }], {
			...options,
			wide: true,
			withFederation: true,
		});
		await expect(text).toMatchFileSnapshot("golden/peers-wide.txt");
	});

	test("certificates that expire soon, have expired or do not verify are in colour", () => {
		const brackets: Paint = (colour, words) => `<${colour}>${words}</>`;
		const text = peersText(answers, { ...options, paint: brackets });
		expect(text).toContain("<yellow>2026-06-05</>");
		expect(text).toContain("<red>2026-05-01</>");
		expect(text).toContain("<yellow>Expired</>");
		expect(text).toContain("<green>Valid</>");
		expect(text).toContain("<yellow>Negotiating</>");
	});

	test("without a stream", () => {
		const idle = { pod: pod("gw-1"), status: peersStatus.parse({}) };
		expect(peersText([idle], options)).toBe("No stream with any peer is open.");
		expect(peersText([idle], { ...options, peer: "good.example" })).toBe("No stream with good.example is open.");
	});

	test("where no pod can be read, only that is said", () => {
		expect(peersText(answers.slice(2), options)).toBe(
			"NOT READ\nnode gw-3 (pod example-gw-3-abc): it does not run: it is Pending",
		);
	});

	test("what another version of the gateway says is left out, not refused", () => {
		const strange = peersStatus.parse({ streams: [{ peer: 7, certificate: "none" }], failures: "none" });
		expect(peersText([{ pod: pod("gw-1"), status: strange }], options)).toMatch(/^-\s+-\s+-\s+gw-1\s+none/m);
	});
});
