const unleash = require("unleash-server");
unleash.start({ db: { connectionString: process.env.UNLEASH_URL, ssl: false, disableMigration: false },
  server: { port: Number(process.env.UNLEASH_PORT), host: "127.0.0.1" }, logLevel: "error", versionCheck: { enable: false }, telemetry: false,
}).then(() => console.log("ready")).catch(e => { console.error(e); process.exit(1); });
