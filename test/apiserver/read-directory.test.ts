import { expect, test } from "vitest";
import { type DirectoryQuestion, readDirectory } from "../../src/controller/read-directory.ts";
import { writeEntry } from "../../src/model/email-addresses/directory.ts";
import { baseDN, Directory, type Person, reader } from "./directory.ts";

const question = ({ url }: Directory): DirectoryQuestion => ({
	url,
	startTLS: false,
	authorities: undefined,
	credentials: { username: reader.dn, password: reader.password },
	baseDN,
	filter: "(&(uid=*)(mail=*))",
	userAttribute: "uid",
	mailAttribute: "mail",
});
const { signal } = new AbortController();
const read = ({ uid, mail }: Person) => writeEntry({ dn: `uid=${uid},${baseDN}`, users: [uid], addresses: mail });

test("all of a directory is read, whose pages are full to the last; where others have a part they are not asked", async () => {
	const people = Array.from({ length: 1_000 }, (_, index) => ({ uid: `p${index}`, mail: [`p${index}@example.com`] }));
	const directory = await Directory.start(people);
	expect((await readDirectory(question(directory), signal)).toSorted()).toEqual(people.map(read).toSorted());
	await directory.refer("branch", "ldap://127.0.0.1:1/ou=branch,dc=elsewhere,dc=example");
	expect(await readDirectory(question(directory), signal)).toHaveLength(1_000);
	await expect(readDirectory({ ...question(directory), baseDN: `ou=branch,${baseDN}` }, signal)).rejects.toThrow(
		"it refers to another directory for the baseDN: name that one in the url",
	);
	await expect(readDirectory({ ...question(directory), baseDN: "dc=elsewhere" }, signal)).rejects.toThrow(
		"it refers to another directory",
	);
	await expect(
		readDirectory({ ...question(directory), baseDN: "ou=nobody,dc=example,dc=com" }, signal),
	).rejects.toThrow("No Such Object");
});
