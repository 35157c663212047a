const binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const decimal: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, "": 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };

/** A value in units of 10 to the power of -9, the smallest that a quantity can have; undefined where it is none. */
function nano(value: unknown): bigint | undefined {
	if (typeof value !== "string" && typeof value !== "number") return undefined;
	const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE])|[eE]([+-]?\d{1,2}))?$/.exec(String(value));
	if (!match) return undefined;
	const [, sign, whole = "", fraction = "", suffix = "", exponent] = match;
	if (whole === "" && fraction === "") return undefined;
	const power = binary.indexOf(suffix) + 1;
	const scale = (exponent === undefined ? (decimal[suffix] ?? 0) : Number(exponent)) - fraction.length + 9;
	const digits = BigInt(`${whole}${fraction}`) * 1024n ** BigInt(power);
	// The server rounds up what is finer.
	const magnitude = scale >= 0 ? digits * 10n ** BigInt(scale) : ceilDivide(digits, 10n ** BigInt(-scale));
	return sign === "-" ? -magnitude : magnitude;
}

function ceilDivide(a: bigint, b: bigint): bigint {
	return (a + b - 1n) / b;
}

/** Whether two Kubernetes quantities (`1`, `0.5`, `500m`, `1Gi`, `1e3`, or plain numbers) have the same value. */
export function sameQuantity(a: unknown, b: unknown): boolean {
	const left = nano(a);
	return left !== undefined && left === nano(b);
}
