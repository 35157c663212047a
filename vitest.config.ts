import { defineConfig } from "vitest/config";
import { isLong } from "./test/lib/scale.ts";

/** What takes longer than `npm test` may is in files of its own, which only `npm run test:long` runs. */
const include = (part: string) => [`test/${part}/**/*.test.ts`, ...(isLong ? [] : [`!test/${part}/**/*.long.test.ts`])];
/** A whole matrix takes longer than a part of it. */
const timeout = (milliseconds: number) => (isLong ? 10 : 1) * milliseconds;

/** Projects from fast to slow. `test/run.ts` prepares what each needs and runs them in this order. */
export default defineConfig({
	test: {
		projects: [
			{ test: { name: "unit", include: include("unit") } },
			{
				test: {
					name: "apiserver",
					include: include("apiserver"),
					globalSetup: ["test/apiserver/global-setup.ts"],
					// They wait more than they compute, and each has namespaces of its own.
					maxWorkers: 2,
					testTimeout: timeout(60_000),
					hookTimeout: timeout(120_000),
				},
			},
			{
				test: {
					name: "gateway",
					include: include("gateway"),
					// Each file has a network of its own. They wait more than they compute, and two cores are all that is asked for.
					maxWorkers: 2,
					testTimeout: timeout(120_000),
					hookTimeout: timeout(300_000),
				},
			},
			{
				test: {
					name: "cluster",
					include: include("cluster"),
					globalSetup: ["test/cluster/global-setup.ts"],
					fileParallelism: false,
					testTimeout: timeout(300_000),
					hookTimeout: timeout(600_000),
				},
			},
		],
	},
});
