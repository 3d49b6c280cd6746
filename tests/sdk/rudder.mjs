// RudderStack's Node SDK sends one of each call to the data plane and write key it is given.
import RudderAnalytics from "@rudderstack/rudder-sdk-node";

const [host, writeKey, zipped] = process.argv.slice(2);
const Client = RudderAnalytics.default ?? RudderAnalytics;
const client = new Client(writeKey, { dataPlaneUrl: host, flushAt: 20, gzip: zipped === "gzip" });
client.identify({ userId: "rudder-1", traits: { plan: "isa" } });
client.track({ userId: "rudder-1", event: "Dashboard Viewed", properties: { from: "rudder-node" } });
client.page({ userId: "rudder-1", name: "Home" });
client.group({ userId: "rudder-1", groupId: "household-1" });
client.alias({ userId: "rudder-1", previousId: "rudder-device" });
client.flush((error) => { if (error) { console.error(error); process.exitCode = 1; } });
