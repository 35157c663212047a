-- What both ends of a link (router and federation connection manager) must agree on.
--
-- A link is a XEP-0114 component stream for one local domain. After the XEP-0114 handshake:
--   router  <hello node='NODE'/>     federation connection manager answers <hello node='NODE'/>; the link is up
--   either  <drain/>                 I am going: send me nothing more. The other side answers <drained/>, and all that
--                                    it sent before has then arrived.
--   router  <withdraw/>              I do not reach the internal server of this domain: send me no stanzas. I go on
--                                    sending what it sends. <offer/> takes that back. A <hello/> with withdrawn='true'
--                                    is both.
--   either  <bye/>                   close the stream; all that I sent before has been read when it is closed
--   router  <ping/>                  every ping_interval; answered with <pong/>

return {
	xmlns = "urn:xmppfed:link:0";
	ping_interval = 5; -- seconds
	silence_limit = 20; -- seconds without a sign of life, after which a side gives the link up
	-- Bytes of one stanza on a link. A stanza that came in with the highest spec.limits.stanzaBytes (1 MiB) can be
	-- six times as long when it is written again, because ' and " are then written as &apos; and &quot;.
	stanza_size_limit = 8 * 1024 * 1024;
	-- Ends a connection whose other side is gone. conn:close() would wait until all is written, and conn:destroy() by
	-- itself tells nobody.
	cut = function (conn, why)
		conn:on("disconnect", why);
		conn:destroy();
	end;
};
