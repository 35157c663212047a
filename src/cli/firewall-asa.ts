import { isIPv6 } from "node:net";
import { hashedName } from "../model/names.ts";
import { type FirewallRules, type InboundRule, isTranslation } from "./firewall-rules.ts";

/**
 * Configuration of a Cisco ASA, release 8.3 or newer: objects, NAT and access lists (R12). Access lists name the address
 * inside, as 8.3 has it. The chapter's samples have UDP lines beside each TCP line; XMPP is TCP only, so they are left out.
 * Lines for IPv6 are of release 9.0, which has one access list for both and no `ipv6 access-list` any more.
 *
 * @param toAny access lists from peers name no address inside, as in the chapter's first sample: they open the ports of
 *   everything behind the firewall
 */
export function asaConfiguration(rules: FirewallRules, toAny = false): string {
	const { namespace, federation, inbound, machines, notes } = rules;
	const prefix = prefixOf(namespace, federation);
	const v4 = inbound.filter(({ inside }) => !isIPv6(inside.address));
	const v6 = inbound.filter(({ inside }) => isIPv6(inside.address));
	const machines4 = machines.filter((address) => !isIPv6(address));
	const machines6 = machines.filter((address) => isIPv6(address));
	const object = (kind: "in" | "out", address: string) => `${prefix}-${kind}-${address}`;
	const service = (port: number) => `${prefix}-tcp-${port}`;
	const translated = v4.filter(isTranslation);
	const ports = unique(translated.flatMap(({ inside, outside }) => [inside.port, outside.port]));
	const inList = `${prefix}-from-peers`.toUpperCase();
	const fromPeers = (source: string, to: string, { inside }: InboundRule) =>
		`access-list ${inList} extended permit tcp ${source} ${to} eq ${inside.port}`;
	const outList = `${prefix}-to-peers`.toUpperCase();
	return [
		`! Federation ${namespace}/${federation}. Interfaces are named inside and outside here: use the names of yours.`,
		...notes.map((note) => `! Note: ${note}`),
		...section("Addresses", [
			...unique(v4.map(({ inside }) => inside.address)).flatMap((address) =>
				hostObject(object("in", address), address),
			),
			...unique(translated.map(({ outside }) => outside.address)).flatMap((address) =>
				hostObject(object("out", address), address),
			),
			...(machines4.length === 0
				? []
				: [
						`object-group network ${prefix}-machines`,
						...machines4.map((address) => ` network-object host ${address}`),
					]),
		]),
		...section(
			"Ports",
			ports.flatMap((port) => [`object service ${service(port)}`, ` service tcp source eq ${port}`]),
		),
		...section(
			"Translation: what peers connect to, and what is inside",
			translated.map(
				({ inside, outside }) =>
					`nat (inside,outside) source static ${object("in", inside.address)} ${object("out", outside.address)} ` +
					`service ${service(inside.port)} ${service(outside.port)}`,
			),
		),
		...section(
			"From peers",
			unique(
				v4.flatMap((rule) => {
					const to = toAny ? "any" : `object ${object("in", rule.inside.address)}`;
					return sources4(rule).map((source) => fromPeers(source, to, rule));
				}),
			),
		),
		...section(
			"From peers by IPv6, with release 9.0 or newer",
			unique(
				v6.flatMap((rule) => {
					const to = toAny ? "any6" : `host ${rule.inside.address}`;
					return (rule.from.length > 0 ? rule.from : ["any6"]).map((source) => fromPeers(source, to, rule));
				}),
			),
		),
		...section(
			"To peers: their SRV records may name any port, not only 5269",
			machines4.length === 0 ? [] : [`access-list ${outList} extended permit tcp object-group ${prefix}-machines any`],
		),
		...section(
			"To peers by IPv6, with release 9.0 or newer",
			machines6.map((address) => `access-list ${outList} extended permit tcp host ${address} any6`),
		),
		...section("An interface has one access list in each direction: add the lines above to it, or bind them", [
			...(inbound.length === 0 ? [] : [`! access-group ${inList} in interface outside`]),
			...(machines.length === 0 ? [] : [`! access-group ${outList} in interface inside`]),
		]),
	].join("\n");
}

/** Longest name of an object or an object group of an ASA, in characters. Access lists may have longer ones. */
const longestName = 64;
const longestEnd = "-out-255.255.255.255".length;

/** What names begin with. Of long ones a part is cut, and a hash of the whole keeps those of two federations apart. */
function prefixOf(namespace: string, federation: string): string {
	const prefix = `xmppfed-${namespace}-${federation}`;
	const longest = longestName - longestEnd;
	return prefix.length <= longest ? prefix : hashedName(prefix, `${namespace}/${federation}`, longest);
}

function section(title: string, lines: readonly string[]): readonly string[] {
	return lines.length === 0 ? [] : ["!", `! ${title}`, ...lines];
}

function hostObject(name: string, address: string): readonly string[] {
	return [`object network ${name}`, ` host ${address}`];
}

/** Sources of an access list; blocks are written with a mask. */
function sources4({ from }: InboundRule): readonly string[] {
	if (from.length === 0 || from.includes("0.0.0.0/0")) return ["any"];
	return from.map((range) => {
		const [address = "", length] = range.split("/");
		return length === "32" ? `host ${address}` : `${address} ${mask(Number(length))}`;
	});
}

/** Dotted mask of a prefix length: 20 is 255.255.240.0. */
function mask(length: number): string {
	const bits = length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
	return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join(".");
}

function unique<Value>(values: readonly Value[]): readonly Value[] {
	return [...new Set(values)];
}
