import { describe, expect, test } from "vitest";
import { checkText } from "../../../src/cli/dns-check.ts";
import { checkDomain, isFound } from "../../../src/cli/dns-check-domain.ts";
import { zoneText } from "../../../src/cli/dns-text.ts";
import type { Ask } from "../../../src/dns/asker.ts";

/** DNS with these records; a text for an answer is a failure. */
function dnsWith(records: Record<string, readonly string[] | string>): Ask {
	return async ({ type, name }) => {
		const found = records[`${type} ${name}`] ?? [];
		return typeof found === "string" ? { failure: found } : { records: found };
	};
}

const srv = "SRV _xmpp-server._tcp.peer.example.";

describe("dns check", () => {
	test.each<[string, Record<string, readonly string[] | string>, boolean, string[]]>([
		[
			"targets in the order in which servers try them",
			{
				[srv]: ["20 0 5269 late.peer.example.", "10 5 5269 light.peer.example.", "10 50 5270 heavy.peer.example."],
				"A late.peer.example.": ["192.0.2.3"],
				"A light.peer.example.": ["192.0.2.2"],
				"A heavy.peer.example.": ["192.0.2.1"],
				"AAAA heavy.peer.example.": ["2001:db8::1"],
			},
			true,
			[
				"$ nslookup -type=SRV _xmpp-server._tcp.peer.example",
				"PRIORITY  WEIGHT  HOST                PORT  ADDRESSES",
				"10        50      heavy.peer.example  5270  192.0.2.1, 2001:db8::1",
				"10        5       light.peer.example  5269  192.0.2.2",
				"20        0       late.peer.example   5269  192.0.2.3",
				"peer.example can be found: 3 servers.",
			],
		],
		[
			"the domain itself without SRV records",
			{ "A peer.example.": ["192.0.2.1"] },
			true,
			[
				"$ nslookup -type=SRV _xmpp-server._tcp.peer.example",
				"PRIORITY  WEIGHT  HOST          PORT  ADDRESSES",
				"-         -       peer.example  5269  192.0.2.1",
				"peer.example has no SRV record. Servers then try the address of the domain itself, port 5269 (RFC 6120 section 3.2.2).",
			],
		],
		[
			"nothing",
			{},
			false,
			[
				"$ nslookup -type=SRV _xmpp-server._tcp.peer.example",
				"PRIORITY  WEIGHT  HOST          PORT  ADDRESSES",
				"-         -       peer.example  5269  no address",
				"peer.example has neither an SRV record nor an address: no server can find it.",
			],
		],
		[
			"a domain that wants no server",
			{ [srv]: ["0 0 0 ."] },
			false,
			[
				"$ nslookup -type=SRV _xmpp-server._tcp.peer.example",
				'peer.example says that it has no XMPP server for others: its SRV record has the target ".".',
			],
		],
		[
			"a target without an address beside one that has some",
			{ [srv]: ["0 0 5269 a.peer.example.", "0 0 5269 b.peer.example."], "A b.peer.example.": ["192.0.2.2"] },
			true,
			[
				"$ nslookup -type=SRV _xmpp-server._tcp.peer.example",
				"PRIORITY  WEIGHT  HOST            PORT  ADDRESSES",
				"0         0       a.peer.example  5269  no address",
				"0         0       b.peer.example  5269  192.0.2.2",
				"peer.example can be found, but 1 of 2 targets have no address.",
			],
		],
		[
			"targets of which DNS does not say the address",
			{ [srv]: ["0 0 5269 a.peer.example."], "A a.peer.example.": "ETIMEOUT", "AAAA a.peer.example.": "ETIMEOUT" },
			false,
			[
				"$ nslookup -type=SRV _xmpp-server._tcp.peer.example",
				"PRIORITY  WEIGHT  HOST            PORT  ADDRESSES",
				"0         0       a.peer.example  5269  ETIMEOUT",
				"peer.example: no target of the SRV records has an address. Publish A or AAAA records for them.",
			],
		],
		[
			"no answer",
			{ [srv]: "ETIMEOUT from 192.0.2.53" },
			false,
			[
				"$ nslookup -type=SRV _xmpp-server._tcp.peer.example",
				"peer.example: DNS did not answer: ETIMEOUT from 192.0.2.53.",
			],
		],
	])("%s", async (_what, records, found, lines) => {
		const check = await checkDomain("peer.example", dnsWith(records));
		expect(checkText(check).split("\n")).toEqual(lines);
		expect(isFound(check)).toBe(found);
	});

	test.each([
		["192.0.2.53", "-type=SRV _xmpp-server._tcp.peer.example 192.0.2.53"],
		["192.0.2.53:5353", "-port=5353 -type=SRV _xmpp-server._tcp.peer.example 192.0.2.53"],
		["2001:db8::53", "-type=SRV _xmpp-server._tcp.peer.example 2001:db8::53"],
		["[2001:db8::53]:5353", "-port=5353 -type=SRV _xmpp-server._tcp.peer.example 2001:db8::53"],
	])("the server %s stands in the command that a person would type", async (server, command) => {
		const check = await checkDomain("peer.example", dnsWith({}));
		expect(checkText(check, server).split("\n")[0]).toBe(`$ nslookup ${command}`);
	});
});

test("a zone has each line once, with and without a TTL", () => {
	const address = { name: "xmpp.example.com.", type: "A", ttl: 300, value: "192.0.2.5" };
	const older = {
		name: "_xmpp-server._tcp.example.com.",
		type: "SRV",
		ttl: undefined,
		value: "0 0 5269 xmpp.example.com.",
	};
	expect(
		zoneText([
			{ federation: "a", ...older },
			{ federation: "a", ...address },
			{ federation: "b", ...address },
		]),
	).toBe("_xmpp-server._tcp.example.com. IN SRV 0 0 5269 xmpp.example.com.\nxmpp.example.com. 300 IN A 192.0.2.5");
});
