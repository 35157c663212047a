import { defineConfig } from "vitest/config";

/** Projects from fast to slow. `test/run.ts` prepares what each needs and runs them in this order. */
export default defineConfig({
	test: {
		projects: [
			{ test: { name: "unit", include: ["test/unit/**/*.test.ts"] } },
			{
				test: {
					name: "apiserver",
					include: ["test/apiserver/**/*.test.ts"],
					globalSetup: ["test/apiserver/global-setup.ts"],
					testTimeout: 60_000,
					hookTimeout: 120_000,
				},
			},
			{
				test: {
					name: "gateway",
					include: ["test/gateway/**/*.test.ts"],
					fileParallelism: false,
					testTimeout: 120_000,
					hookTimeout: 300_000,
				},
			},
			{
				test: {
					name: "cluster",
					include: ["test/cluster/**/*.test.ts"],
					globalSetup: ["test/cluster/global-setup.ts"],
					fileParallelism: false,
					testTimeout: 300_000,
					hookTimeout: 600_000,
				},
			},
		],
	},
});
