/** One sample of an OpenMetrics exposition. */
export interface Sample {
	readonly family: string;
	readonly type: string;
	readonly name: string;
	readonly labels: Readonly<Record<string, string>>;
	readonly value: number;
}

const name = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const label = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"';
const sampleLine = new RegExp(`^(${name})(?:\\{(${label}(?:,${label})*)\\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?)$`);
const metadataLine = new RegExp(`^# (TYPE|UNIT|HELP) (${name}) (.+)$`);
const suffixes: Readonly<Record<string, string>> = { counter: "_total", info: "_info", gauge: "" };

/**
 * Reads an exposition in OpenMetrics text format 1.0, strictly: what the specification demands of the kinds counter,
 * gauge and info, and what Prometheus refuses.
 *
 * @throws {Error} naming the line.
 */
export function parseOpenMetrics(text: string): readonly Sample[] {
	if (!text.endsWith("# EOF\n")) throw new Error(`the last line must be "# EOF": ${JSON.stringify(text.slice(-40))}`);
	const samples: Sample[] = [];
	const seen = new Set<string>();
	let family: { name: string; type: string; has: Set<string> } | undefined;
	for (const line of text.slice(0, -"# EOF\n".length).split("\n").slice(0, -1)) {
		const fail = (why: string) => new Error(`${why}: ${JSON.stringify(line)}`);
		const metadata = metadataLine.exec(line);
		if (metadata) {
			const [, key = "", of = "", value = ""] = metadata;
			if (family?.name !== of) {
				if (key !== "TYPE") throw fail("a family begins with TYPE");
				if (seen.has(of)) throw fail("a family is written in one piece");
				if (!(value in suffixes)) throw fail("unknown type");
				seen.add(of);
				family = { name: of, type: value, has: new Set() };
			}
			if (family.has.has(key)) throw fail(`a second ${key}`);
			if (family.has.has("sample")) throw fail("metadata after samples");
			if (key === "UNIT" && !of.endsWith(`_${value}`)) throw fail("the name must end with its unit");
			family.has.add(key);
			continue;
		}
		const found = sampleLine.exec(line);
		if (!found) throw fail("no sample");
		const [, sampleName = "", labelText = "", value = ""] = found;
		if (!family || sampleName !== `${family.name}${suffixes[family.type]}`) throw fail("a sample outside its family");
		family.has.add("sample");
		const labels = Object.fromEntries(
			[...labelText.matchAll(/([^=,]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = "", quoted = ""]) => [key, quoted]),
		);
		const identity = `${sampleName}${JSON.stringify(labels, Object.keys(labels).toSorted())}`;
		if (seen.has(identity)) throw fail("a second sample with the same labels");
		seen.add(identity);
		if (family.type === "counter" && Number(value) < 0) throw fail("a counter below 0");
		samples.push({ family: family.name, type: family.type, name: sampleName, labels, value: Number(value) });
	}
	return samples;
}

/** The sum of the samples of a name that have at least these labels. */
export function sumOf(samples: readonly Sample[], of: string, labels: Readonly<Record<string, string>> = {}): number {
	return samples
		.filter((sample) => sample.name === of)
		.filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
		.reduce((sum, { value }) => sum + value, 0);
}
