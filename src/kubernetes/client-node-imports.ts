/**
 * Stands in the bundle for what `KubeConfig` of @kubernetes/client-node imports for calls that nothing here makes: the
 * generated client, undici and SOCKS proxies. With the real ones the bundle would have 1.3 MB more: docs/decisions/0003.
 */
export function createConfiguration(): never {
	throw new Error("this part of @kubernetes/client-node is not in the bundle");
}

export {
	createConfiguration as Agent,
	createConfiguration as ProxyAgent,
	createConfiguration as ServerConfiguration,
	createConfiguration as SocksClient,
	createConfiguration as SocksProxyAgent,
};
