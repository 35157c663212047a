import { isIP } from "node:net";

/**
 * Addresses as the CEL functions isIP, ip, isCIDR and cidr of Kubernetes see them: no zone ("%eth0"), no IPv6 form of an
 * IPv4 address ("::ffff:10.0.0.1"). 4 or 16 bytes.
 */
export type IpAddress = readonly number[];

/** Undefined when the text is no address. */
export function parseIp(value: string): IpAddress | undefined {
	const family = value.includes("%") ? 0 : isIP(value);
	if (family === 4) return value.split(".").map(Number);
	if (family !== 6) return undefined;
	const bytes = ipv6Bytes(value);
	const mapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
	return mapped ? undefined : bytes;
}

/** The 16 bytes of a valid IPv6 address. */
function ipv6Bytes(value: string): number[] {
	const [head = "", tail] = value.split("::");
	const front = groupBytes(head);
	const back = groupBytes(tail ?? "");
	return [...front, ...Array<number>(16 - front.length - back.length).fill(0), ...back];
}

function groupBytes(groups: string): number[] {
	if (groups === "") return [];
	return groups.split(":").flatMap((group) => {
		if (group.includes(".")) return group.split(".").map(Number);
		const bits = Number.parseInt(group, 16);
		return [bits >> 8, bits & 0xff];
	});
}

/**
 * Whether an address can be another machine's: not unspecified, loopback, link-local, multicast or broadcast. Private
 * addresses can. The same as Go's `netip.Addr.IsGlobalUnicast`, which the CEL function is.
 */
export function isGlobalUnicast(address: IpAddress): boolean {
	const [first = 0, second = 0] = address;
	if (address.every((byte) => byte === 0)) return false;
	if (address.length === 4) {
		const linkLocal = first === 169 && second === 254;
		const multicast = first >= 224 && first < 240;
		return first !== 127 && !linkLocal && !multicast && !address.every((byte) => byte === 255);
	}
	const loopback = address.slice(0, 15).every((byte) => byte === 0) && address[15] === 1;
	const linkLocal = first === 0xfe && (second & 0xc0) === 0x80;
	return !loopback && !linkLocal && first !== 0xff;
}

/** Whether the text is ADDRESS/LENGTH with no bit set behind the length, as in 192.0.2.0/24 or 2001:db8::/32. */
export function isNetwork(value: string): boolean {
	const slash = value.lastIndexOf("/");
	const address = parseIp(value.slice(0, Math.max(slash, 0)));
	const length = value.slice(slash + 1);
	if (address === undefined || !/^(0|[1-9][0-9]{0,2})$/.test(length) || Number(length) > address.length * 8)
		return false;
	return address.every((byte, index) => (byte & hostBits(Number(length) - index * 8)) === 0);
}

/** Whether `inner` lies in `outer`; both ADDRESS/LENGTH as {@link isNetwork} takes them, of one family. False for others. */
export function containsNetwork(outer: string, inner: string): boolean {
	if (!isNetwork(outer) || !isNetwork(inner)) return false;
	const [outerAddress, outerLength] = parts(outer);
	const [innerAddress, innerLength] = parts(inner);
	if (outerAddress.length !== innerAddress.length || innerLength < outerLength) return false;
	return innerAddress.every((byte, index) => {
		const inside = 0xff & ~hostBits(outerLength - index * 8);
		return (byte & inside) === ((outerAddress[index] ?? 0) & inside);
	});
}

function parts(network: string): [IpAddress, number] {
	const slash = network.lastIndexOf("/");
	return [parseIp(network.slice(0, slash)) ?? [], Number(network.slice(slash + 1))];
}

/** The bits of one byte that lie behind the network's part, of which `bits` reach this byte or further. */
function hostBits(bits: number): number {
	return bits >= 8 ? 0 : 0xff >> Math.max(bits, 0);
}
