import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { RouterReports } from "../../../src/controller/router-reports.ts";

/** Stands for a router: only its /status, which a unit test decides. */
async function router() {
	let answer: object | "not found" | undefined;
	const server = createServer((_request, response) => {
		if (answer === "not found") response.writeHead(404).end("<p>not found</p>");
		else if (answer) response.end(JSON.stringify(answer));
		else response.destroy();
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	onTestFinished(() => void server.close());
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server has one
	const { port } = server.address() as AddressInfo;
	return { url: `http://127.0.0.1:${port}/status`, say: (next: typeof answer) => void (answer = next) };
}

const upstreams = [{ domain: "a.example", reachable: true }];
const link = (address: string, state: string) => ({ domain: "a.example", address, state, sent: 7 });

test("links are told as they change, in one order, and forgotten when a router has been silent", async () => {
	const { url, say } = await router();
	let changed = Promise.withResolvers<void>();
	const reports = new RouterReports({
		log: pino({ enabled: false }),
		onChange: () => changed.resolve(),
		linksKnownFor: 100,
	});
	const stopping = new AbortController();
	const running = reports.run(stopping.signal);
	onTestFinished(async () => {
		stopping.abort();
		await running;
	});
	const next = async () => {
		await changed.promise;
		changed = Promise.withResolvers<void>();
		return reports.use("ns/example", new Map([["gw-1", { url, ready: true }]])).get("gw-1");
	};

	say({ upstreams, links: [link("10.0.0.2", "Down"), link("10.0.0.1", "Up"), link("10.0.0.3", "Withdrawn")] });
	expect(reports.use("ns/example", new Map([["gw-1", { url, ready: true }]])).get("gw-1")).toBeUndefined();
	expect((await next())?.links).toEqual([
		{ domain: "a.example", address: "10.0.0.1", up: true },
		{ domain: "a.example", address: "10.0.0.2", up: false },
		{ domain: "a.example", address: "10.0.0.3", up: true },
	]);
	// Somebody waits: the router is asked again soon.
	reports.hurry("ns/example", true);
	say({ upstreams, links: [link("10.0.0.1", "Draining")] });
	expect((await next())?.links).toEqual([{ domain: "a.example", address: "10.0.0.1", up: false }]);
	say(undefined);
	const silent = await next();
	expect(silent).toMatchObject({ reachable: true });
	expect(silent?.links).toBeUndefined();
}, 30_000);

test("a router is awaited from when it is ready until it says something, or could have for long", async () => {
	const { url, say } = await router();
	let changed = Promise.withResolvers<void>();
	const reports = new RouterReports({
		log: pino({ enabled: false }),
		onChange: () => changed.resolve(),
		linksKnownFor: 1,
	});
	const use = (ready: boolean) => {
		changed = Promise.withResolvers<void>();
		reports.use("ns/example", new Map([["gw-1", { url, ready }]]));
		return reports.isAwaited("ns/example", "gw-1");
	};
	expect(use(false)).toBe(false);
	expect(use(true)).toBe(true);
	await changed.promise;
	expect(use(true)).toBe(false);

	// It starts again at the same address.
	use(false);
	say({ upstreams });
	expect(use(true)).toBe(true);
	await changed.promise;
	expect(use(true)).toBe(false);
	await reports.run(AbortSignal.abort());
});

const failure = "The link certificate cannot be used";
test.each([
	["a router that says nothing of links has none that are known", { upstreams }, {}],
	[
		"a router whose node reaches its upstream, and that of an alias not",
		{
			upstreams: [
				...upstreams,
				{ domain: "räume.example", alias: "xn--rume-loa.example", reachable: false, failure: "connection refused" },
			],
		},
		{ aliases: [{ domain: "xn--rume-loa.example", reachable: false, error: "connection refused" }] },
	],
	[
		"a router whose upstream does not serve a domain, and not an alias either, which is told with the alias",
		{
			upstreams: [
				{ domain: "a.example", reachable: true, served: true },
				{ domain: "b.example", reachable: true, served: false },
				{ domain: "c.example", alias: "c.example", reachable: true, served: false },
			],
		},
		{ unserved: ["b.example"], aliases: [{ domain: "c.example", reachable: true, error: undefined, served: false }] },
	],
	[
		"a process that cannot use the link certificate",
		{ role: "federation", linkCertificate: { failure } },
		{ linkFailure: failure },
	],
	["a process that can", { role: "federation", linkCertificate: { notAfter: "2026-09-01T00:00:00Z" } }, {}],
	["a federation connection manager of an older image, which is not asked in vain again and again", "not found", {}],
] as const)("%s", async (_what, answer, expected) => {
	const { url, say } = await router();
	const changed = Promise.withResolvers<void>();
	const reports = new RouterReports({ log: pino({ enabled: false }), onChange: () => changed.resolve() });
	say(answer);
	reports.use("ns/example", new Map([["gw-1", { url, ready: true }]]));
	await changed.promise;
	expect(reports.use("ns/example", new Map([["gw-1", { url, ready: true }]])).get("gw-1")).toEqual({
		reachable: true,
		settings: {},
		...expected,
	});
	await reports.run(AbortSignal.abort());
});
