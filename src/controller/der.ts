/** DER (X.690) of the types that certificates are made of. */

/** Any value: a tag, and what is in it. */
export function der(tag: number, ...content: readonly Buffer[]): Buffer {
	const body = Buffer.concat(content);
	if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
	const length = Buffer.alloc(4);
	length.writeUInt32BE(body.length);
	const digits = length.subarray(length.findIndex((byte) => byte !== 0));
	return Buffer.concat([Buffer.from([tag, 0x80 | digits.length]), digits, body]);
}

export const sequence = (...items: readonly Buffer[]): Buffer => der(0x30, ...items);
export const set = (...items: readonly Buffer[]): Buffer => der(0x31, ...items);
export const octets = (content: Buffer): Buffer => der(0x04, content);
export const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text, "utf8"));
export const yes = der(0x01, Buffer.from([0xff]));

/** Below 128. */
export const smallInteger = (value: number): Buffer => der(0x02, Buffer.from([value]));

/** @param unused bits at the end that do not count */
export const bits = (content: Buffer, unused = 0): Buffer => der(0x03, Buffer.from([unused]), content);

/** A field with a number of its own: [0], [1], ... `constructed`: what is in it are values. */
export const field = (number: number, content: Buffer, constructed = false): Buffer =>
	der(0x80 | (constructed ? 0x20 : 0) | number, content);

/** @param text as in 2.5.29.15 */
export function objectIdentifier(text: string): Buffer {
	const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
	const bytes = [40 * first + second, ...rest].flatMap((value) => {
		const digits = [value & 0x7f];
		for (let left = value >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
		return digits;
	});
	return der(0x06, Buffer.from(bytes));
}

/** To the second. UTCTime up to 2049, GeneralizedTime from then on, as RFC 5280 (4.1.2.5) has it. */
export function time(at: Date): Buffer {
	const text = at.toISOString().replaceAll(/[-:T]|\.\d+/g, "");
	return at.getUTCFullYear() < 2050 ? der(0x17, Buffer.from(text.slice(2))) : der(0x18, Buffer.from(text));
}

/** The values in a constructed value, each with its tag. It must be well-formed. */
export function parts(value: Buffer): readonly Buffer[] {
	const found: Buffer[] = [];
	for (let at = contentOf(value, 0).start; at < value.length; ) {
		const { end } = contentOf(value, at);
		found.push(value.subarray(at, end));
		at = end;
	}
	return found;
}

function contentOf(value: Buffer, at: number): { readonly start: number; readonly end: number } {
	const length = value.readUInt8(at + 1);
	if (length < 0x80) return { start: at + 2, end: at + 2 + length };
	const start = at + 2 + (length & 0x7f);
	return { start, end: start + value.readUIntBE(at + 2, length & 0x7f) };
}
