import { describe, expect, test } from "vitest";
import {
	type DnsAnswer,
	type DnsAnswers,
	type DnsObservation,
	dnsPublished,
	dnsQuestions,
	questionKey,
} from "../../../src/status/dns-published.ts";
import { dnsRecords } from "../../../src/status/dns-records.ts";
import { modelled, sample } from "../fixtures/federation.ts";

type Spec = Parameters<Exclude<Parameters<typeof sample>[1], undefined>>[0];

const hostname = "xmpp.example.com";
const withHostname = (spec: Spec) => void (spec.service = { hostname });

function observation(
	change: (spec: Spec) => void,
	services: DnsObservation["services"] = { public: { name: "p", ingress: ["192.0.2.5", "2001:db8::5"] } },
): DnsObservation {
	const { intent } = modelled(sample("smallest", change));
	return { intent, services };
}

/** As DNS has it where everything is published, but for what is said otherwise. */
function answers(of: DnsObservation, otherwise: Record<string, readonly string[] | string> = {}): DnsAnswers {
	const records = dnsRecords(of);
	return new Map(
		dnsQuestions(records).map((question): [string, DnsAnswer] => {
			const key = questionKey(question);
			const changed = otherwise[key];
			if (typeof changed === "string") return [key, { failure: changed }];
			const published = records.filter((record) => questionKey(record) === key).map(({ value }) => value);
			return [key, { records: changed ?? published }];
		}),
	);
}

function verdict(of: DnsObservation, otherwise?: Record<string, readonly string[] | string>) {
	const { status, reason, message } = dnsPublished({ ...of, dns: answers(of, otherwise) });
	return [`${status} ${reason}`, message];
}

describe("records to publish", () => {
	const lines = (of: DnsObservation) =>
		dnsRecords(of).map(({ name, type, ttl, value }) => `${name} ${ttl} ${type} ${value}`);

	test("none without a hostname: an address cannot stand in an SRV record", () => {
		expect(lines(observation(() => {}))).toEqual([]);
	});

	test("of every domain, and the addresses of the hostname", () => {
		const of = observation((spec) => {
			withHostname(spec);
			spec.additionalDomains = ["Chat.Example.Com"];
			spec.dns = { ttl: 3600, priority: 10, weight: 5 };
		});
		expect(lines(of)).toEqual([
			"_xmpp-server._tcp.example.com. 3600 SRV 10 5 5269 xmpp.example.com.",
			"_xmpp-server._tcp.chat.example.com. 3600 SRV 10 5 5269 xmpp.example.com.",
			"xmpp.example.com. 3600 A 192.0.2.5",
			"xmpp.example.com. 3600 AAAA 2001:db8::5",
		]);
	});

	test("a name that a load balancer gives is no address", () => {
		const of = observation(withHostname, { public: { name: "p", ingress: ["lb.cloud.example"] } });
		expect(lines(of)).toEqual(["_xmpp-server._tcp.example.com. 300 SRV 0 0 5269 xmpp.example.com."]);
	});

	const nodes =
		(...addresses: (object | undefined)[]) =>
		(spec: Spec) => {
			withHostname(spec);
			spec.nodes = addresses.map((publicAddress, index) => ({
				name: `gw-${index + 1}`,
				federation: "Enabled" as const,
				...(publicAddress && { publicAddress: { hostname: `n${index + 1}.example.com`, ...publicAddress } }),
			}));
		};

	test("one public address with several ports (R12)", () => {
		const shared = { ip: "192.0.2.9", hostname: "edge.example.com" };
		const of = observation(nodes({ ...shared }, { ...shared, port: 25269 }, { ...shared, port: 35269 }));
		expect(lines(of)).toEqual([
			"_xmpp-server._tcp.example.com. 300 SRV 0 0 5269 edge.example.com.",
			"_xmpp-server._tcp.example.com. 300 SRV 0 0 25269 edge.example.com.",
			"_xmpp-server._tcp.example.com. 300 SRV 0 0 35269 edge.example.com.",
			"edge.example.com. 300 A 192.0.2.9",
		]);
	});

	test("several public addresses: what each Service is given, where nothing else is said", () => {
		const of = observation(nodes({}, undefined), {
			public: { name: "p", ingress: ["192.0.2.5"] },
			nodes: new Map([["gw-1", { name: "p-1", ingress: ["192.0.2.6"] }]]),
		});
		expect(lines(of)).toEqual([
			"_xmpp-server._tcp.example.com. 300 SRV 0 0 5269 xmpp.example.com.",
			"_xmpp-server._tcp.example.com. 300 SRV 0 0 5269 n1.example.com.",
			"xmpp.example.com. 300 A 192.0.2.5",
			"n1.example.com. 300 A 192.0.2.6",
		]);
	});

	test("a node that is not published has none", () => {
		const of = observation((spec) => {
			nodes({}, undefined)(spec);
			for (const node of spec.nodes) if (node.publicAddress) node.published = false;
		});
		expect(lines(of).filter((line) => line.includes("n1."))).toEqual([]);
	});
});

describe("DNSPublished", () => {
	const of = observation(withHostname);
	const service = "_xmpp-server._tcp.example.com.";

	test("True where DNS has every record", () => {
		expect(verdict(of)).toEqual(["True Published", "Peers find every record of status.dnsRecords."]);
	});

	test("True where other clusters publish records of the domain as well, which are named (R14)", () => {
		const both = ["0 0 5269 xmpp.example.com.", "10 0 5269 other.example.net."];
		expect(verdict(of, { [`SRV ${service}`]: both })).toEqual([
			"True Published",
			`Peers find every record of status.dnsRecords. Others are published as well: ${service} 10 0 5269 other.example.net.`,
		]);
	});

	test("True where a name leads elsewhere as well, which is named", () => {
		const left = { "A xmpp.example.com.": ["192.0.2.4", "192.0.2.5"] };
		expect(verdict(of, left)).toEqual([
			"True Published",
			"Peers find every record of status.dnsRecords. Others are published as well: xmpp.example.com. 192.0.2.4.",
		]);
		// Where the address is not known, or translated, any may be ours.
		for (const ingress of [["lb.cloud.example"], ["10.1.2.3"]]) {
			const unknown = observation(withHostname, { public: { name: "p", ingress } });
			expect(verdict(unknown, left)).toEqual(["True Published", "Peers find every record of status.dnsRecords."]);
		}
	});

	test("an address is the same however it is written", () => {
		const written = observation((spec) => {
			spec.nodes = [
				{
					name: "gw-1",
					federation: "Enabled",
					publicAddress: { hostname, ip: "2001:DB8:0:0::5" },
				},
			];
		});
		expect(verdict(written, { "AAAA xmpp.example.com.": ["2001:db8::5"] })[0]).toBe("True Published");
	});

	test.each<[string, Record<string, readonly string[] | string>, string, string]>([
		[
			"no SRV record",
			{ [`SRV ${service}`]: [] },
			"False Missing",
			`${service} has no SRV record; it should be 0 0 5269 xmpp.example.com.`,
		],
		[
			"a hostname without an address",
			{ "A xmpp.example.com.": [], "AAAA xmpp.example.com.": [] },
			"False Missing",
			"xmpp.example.com. has no address; it should be 192.0.2.5 and 2001:db8::5.",
		],
		[
			"another port",
			{ [`SRV ${service}`]: ["0 0 5270 xmpp.example.com."] },
			"False Drifted",
			`${service} is 0 0 5270 xmpp.example.com.; it should be 0 0 5269 xmpp.example.com.`,
		],
		[
			"another address",
			{ "A xmpp.example.com.": ["192.0.2.77"] },
			"False Drifted",
			"xmpp.example.com. is 192.0.2.77 and 2001:db8::5; it should be 192.0.2.5 and 2001:db8::5.",
		],
		[
			"no answer",
			{ [`SRV ${service}`]: "ETIMEOUT from 192.0.2.53" },
			"Unknown LookupFailed",
			`DNS did not answer the operator: ${service} SRV: ETIMEOUT from 192.0.2.53. Where it does not reach these servers, name ` +
				"others by its argument --dns-servers (dnsServers of the chart).",
		],
		[
			"no answer to one question and a wrong one to another",
			{ [`SRV ${service}`]: "ETIMEOUT", "A xmpp.example.com.": ["192.0.2.77"] },
			"False Drifted",
			"xmpp.example.com. is 192.0.2.77 and 2001:db8::5; it should be 192.0.2.5 and 2001:db8::5.",
		],
	])("%s", (_what, otherwise, reason, message) => {
		expect(verdict(of, otherwise)).toEqual([reason, message]);
	});

	test.each(["10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd00::5"])(
		"%s is translated on its way out: any address will do, but none will not",
		(address) => {
			const inside = observation(withHostname, { public: { name: "p", ingress: [address] } });
			const elsewhere = { "A xmpp.example.com.": ["192.0.2.77"], "AAAA xmpp.example.com.": [] };
			expect(verdict(inside, elsewhere)[0]).toBe("True Published");
			expect(verdict(inside, { ...elsewhere, "A xmpp.example.com.": [] })[0]).toBe("False Missing");
		},
	);

	test.each<[string, DnsObservation, string]>([
		["before the first look", of, "Unknown NotLookedUp"],
		["without a hostname", observation(() => {}), "Unknown NoHostname"],
		[
			"where no node is published",
			observation((spec) => void (spec.nodes = [{ name: "a" }])),
			"Unknown NothingToPublish",
		],
		["where the resource is not accepted", { ...of, intent: undefined }, "Unknown NotAccepted"],
	])("%s", (_what, seen, expected) => {
		const { status, reason } = dnsPublished(seen);
		expect(`${status} ${reason}`).toBe(expected);
	});
});
