import { runProgram } from "../../deploy/lib/program.ts";

/** `npm run bench -- NAME [OPTION...]`: measures, and prints tables and JSON. Nothing is asserted on a time. */
type Main = (args: readonly string[], signal: AbortSignal) => Promise<void>;

const benches: Readonly<Record<string, () => Promise<{ readonly main: Main }>>> = {
	email: async () => await import("./email/email.ts"),
	gateway: async () => await import("./gateway/gateway.ts"),
	operator: async () => await import("./operator/operator.ts"),
	policy: async () => await import("./policy/policy.ts"),
};

async function main(signal: AbortSignal): Promise<number> {
	const [name = "", ...args] = process.argv.slice(2);
	const load = Object.hasOwn(benches, name) ? benches[name] : undefined;
	if (!load) {
		console.error(`usage: npm run bench -- NAME [OPTION...]\nNAME is one of: ${Object.keys(benches).join(", ")}`);
		return 64;
	}
	const bench = await load();
	await bench.main(args, signal);
	return 0;
}

await runProgram(main);
