// An OpenID provider (panva's oidc-provider, certified) with two people, for sign-in by authorization code and PKCE.
// Arguments: port, client id, client secret, redirect URI. Its development pages take any name and no password.
import Provider from "oidc-provider";

const [port, clientId, clientSecret, redirectUri] = process.argv.slice(2);
const people = {
  anh: { name: "Nguyễn Văn Ánh", preferred_username: "anh", groups: ["radiology", "pacs-admins"] },
  binh: { name: "Trần Bình", preferred_username: "binh", groups: ["kitchen"] },
};

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: clientId,
    client_secret: clientSecret,
    redirect_uris: [redirectUri],
    grant_types: ["authorization_code"],
    response_types: ["code"],
  }],
  claims: { openid: ["sub"], profile: ["name", "preferred_username", "groups"] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: true } },
  findAccount: (_context, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
});
provider.on("server_error", (_context, error) => console.error(error));
provider.listen(Number(port), "127.0.0.1", () => console.log("openid provider ready"));
