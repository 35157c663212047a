/** A user of a server, with the address that clients connect to. */
export interface Account {
	readonly user: string;
	readonly domain: string;
	readonly password: string;
	/** Client-to-server address of the server. */
	readonly host: string;
	readonly port: number;
}

export interface User {
	readonly name: string;
	readonly password: string;
}
