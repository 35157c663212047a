import type { CheckStep } from "./check-view.ts";
import type { Colour, Paint } from "./terminal.ts";

const titles: Readonly<Record<string, string>> = {
	settings: "Settings for this peer",
	srv: "SRV records",
	address: "Address",
	tcp: "TCP connection",
	stream: "Stream",
	starttls: "STARTTLS",
	tls: "TLS handshake",
	certificate: "Certificate",
	features: "Stream inside TLS",
	external: "SASL EXTERNAL",
	dialback: "Dialback",
	verdict: "Verdict",
};

const colours: Readonly<Record<string, Colour>> = { ok: "green", failed: "red", note: "yellow" };

const titleWidth = Math.max(...Object.values(titles).map(({ length }) => length));
const resultWidth = "skipped".length;

/** One line: steps come one after the other, and are shown as they come. Pure. */
export function stepText({ step, result, ms, detail = "" }: CheckStep, paint: Paint): string {
	const colour = colours[result];
	const shown = colour ? paint(colour, result) : result;
	const took = step === "verdict" ? "" : `${ms} ms`;
	return [
		(titles[step] ?? step).padEnd(titleWidth),
		shown + " ".repeat(Math.max(0, resultWidth - result.length)),
		took.padStart("10000 ms".length),
		detail,
	]
		.join("  ")
		.trimEnd();
}
