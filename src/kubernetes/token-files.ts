import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import type { KubeConfig } from "@kubernetes/client-node";
import { parse } from "yaml";
import { z } from "zod";

const kubeconfigUsers = z.object({
	users: z
		.array(z.object({ name: z.string(), user: z.object({ tokenFile: z.string().optional() }).nullish() }))
		.nullish(),
});

/**
 * Gives the current user the token file that its kubeconfig names: `tokenFile` is what client-node does not read. As with
 * kubectl, it comes before a token, and the first kubeconfig that has the user counts.
 *
 * @param kubeconfig the file that `config` is from; undefined where it is from $KUBECONFIG or ~/.kube/config
 */
export function useTokenFile(config: KubeConfig, kubeconfig: string | undefined): void {
	const user = config.getCurrentUser();
	if (!user) return;
	for (const file of kubeconfig === undefined ? defaultFiles() : [kubeconfig]) {
		const entry = usersIn(file).find(({ name }) => name === user.name);
		if (!entry) continue;
		const tokenFile = entry.user?.tokenFile;
		if (tokenFile === undefined || tokenFile === "") return;
		// client-node reads this one again each minute, as the one of a pod's service account.
		const authProvider = { name: "tokenFile", config: { tokenFile: resolve(dirname(file), tokenFile) } };
		config.users = config.users.map((one) => (one === user ? { ...user, token: "", authProvider } : one));
		return;
	}
}

function defaultFiles(): readonly string[] {
	const named = (process.env["KUBECONFIG"] ?? "").split(delimiter).filter((file) => file !== "");
	return named.length > 0 ? named : [join(homedir(), ".kube/config")];
}

/** What client-node could not read either is its to complain of. */
function usersIn(file: string): NonNullable<z.infer<typeof kubeconfigUsers>["users"]> {
	try {
		return kubeconfigUsers.parse(parse(readFileSync(file, "utf8"))).users ?? [];
	} catch {
		return [];
	}
}
