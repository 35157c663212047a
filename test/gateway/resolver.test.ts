import { Resolver } from "node:dns/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { resolverConfiguration, resolverPorts } from "../../src/gateway/resolver.ts";
import { Dns, startCoreDns } from "./lib/dns.ts";
import { Network } from "./lib/network.ts";

/** The real CoreDNS with the configuration that a pod gets. */
describe("the resolver", () => {
	let network: Network;
	const byName = new Resolver();
	const byAddress = new Resolver();

	beforeAll(async () => {
		network = await Network.start();
		const dns = await network.machine("dns", 2, network.address(2));
		await Dns.start(dns, [
			"www.example.lab. A 10.9.9.9",
			"router.gateway.lab. A 10.9.9.1",
			"_xmpp-server._tcp.elsewhere.lab. SRV 0 0 5269 xmpp.elsewhere.lab.",
		]);
		const local = ["example.lab", "conference.example.lab"];
		const named = await network.machine("named", 3, network.address(2));
		const upstream = { host: "xmpp.internal.lab", port: 15269 };
		const router = { host: "router.gateway.lab", port: 5269 };
		const withNames = { image: "", router, local: local.map((domain) => ({ domain, upstream })) };
		await startCoreDns(named, "resolver", resolverConfiguration(withNames));
		const numbered = await network.machine("numbered", 4, network.address(2));
		const withAddresses = {
			image: "",
			router: { host: "10.1.2.3", port: 5269 },
			local: local.map((domain) => ({ domain, upstream: { host: "fd00::5", port: 5269 } })),
		};
		await startCoreDns(numbered, "resolver", resolverConfiguration(withAddresses));
		byName.setServers([`${network.address(3)}:${resolverPorts.dns}`]);
		byAddress.setServers([`${network.address(4)}:${resolverPorts.dns}`]);
	});

	afterAll(async () => {
		await network?.[Symbol.asyncDispose]();
	});

	const srv = async (resolver: Resolver, domain: string, service = "_xmpp-server") =>
		(await resolver.resolveSrv(`${service}._tcp.${domain}`)).map(({ name, port }) => ({ name, port }));

	test.each(["elsewhere.lab", "a.b.c.example", "example.lab.evil.lab", "sub.other.example", "xn--mnchen-3ya.lab"])(
		"%s is at the router",
		async (domain) => {
			expect(await srv(byName, domain)).toEqual([{ name: "router.gateway.lab", port: 5269 }]);
		},
	);

	test.each(["example.lab", "conference.example.lab", "EXAMPLE.lab"])(
		"%s is at the internal server",
		async (domain) => {
			expect(await srv(byName, domain)).toEqual([{ name: "xmpp.internal.lab", port: 15269 }]);
		},
	);

	test("case does not matter", async () => {
		expect(await srv(byName, "Elsewhere.LAB", "_XMPP-Server")).toEqual([{ name: "router.gateway.lab", port: 5269 }]);
	});

	test("there is no direct TLS, and the name exists", async () => {
		await expect(srv(byName, "elsewhere.lab", "_xmpps-server")).rejects.toMatchObject({ code: "ENODATA" });
		await expect(srv(byName, "example.lab", "_xmpps-server")).rejects.toMatchObject({ code: "ENODATA" });
		await expect(byName.resolveTxt("_xmpp-server._tcp.elsewhere.lab")).rejects.toMatchObject({ code: "ENODATA" });
	});

	test("everything else is answered by the DNS of the pod", async () => {
		expect(await byName.resolve4("www.example.lab")).toEqual(["10.9.9.9"]);
		expect(await byName.resolve4("router.gateway.lab")).toEqual(["10.9.9.1"]);
		await expect(byName.resolve4("none.lab")).rejects.toMatchObject({ code: "ENOTFOUND" });
		await expect(srv(byName, "elsewhere.lab", "_xmpp-client")).rejects.toMatchObject({ code: "ENOTFOUND" });
	});

	test("targets that are addresses have names that resolve to them", async () => {
		const [router] = await srv(byAddress, "elsewhere.lab");
		expect(await byAddress.resolve4(router?.name ?? "")).toEqual(["10.1.2.3"]);
		await expect(byAddress.resolve6(router?.name ?? "")).rejects.toMatchObject({ code: "ENODATA" });
		const [upstream] = await srv(byAddress, "example.lab");
		expect(await byAddress.resolve6(upstream?.name ?? "")).toEqual(["fd00::5"]);
		await expect(byAddress.resolve4(upstream?.name ?? "")).rejects.toMatchObject({ code: "ENODATA" });
	});

	test("health and readiness", async () => {
		for (const [port, path] of [
			[resolverPorts.health, "/health"],
			[resolverPorts.ready, "/ready"],
		] as const) {
			expect((await fetch(`http://${network.address(3)}:${port}${path}`)).status).toBe(200);
		}
	});
});
