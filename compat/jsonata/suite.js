// Evaluates the recorded cases under Node, each compiled once, and prints per group the
// nanoseconds of CPU that one evaluation takes on average: node suite.js FOLDER MILLISECONDS
const fs = require('fs'), path = require('path'), jsonata = require('jsonata');
const [folder, millis] = [process.argv[2], Number(process.argv[3])];
const read = file => JSON.parse(fs.readFileSync(file, 'utf8'));
(async () => {
	const out = {};
	for (const file of fs.readdirSync(folder).filter(f => f.endsWith('.json')).sort()) {
		const cases = [];
		for (const c of read(path.join(folder, file))) {
			if (c.timelimit) continue;
			const input = c.dataset ? read(path.join(folder, 'datasets', c.dataset + '.json')) : c.data;
			try {
				const x = jsonata(c.expr);
				await x.evaluate(input, c.bindings);
				cases.push({x, input, bindings: c.bindings});
			} catch (e) { /* a case that fails is not timed */ }
		}
		if (cases.length === 0) continue;
		const round = async () => { for (const c of cases) await c.x.evaluate(c.input, c.bindings); };
		const spend = async ms => {
			const from = process.cpuUsage();
			for (let rounds = 1; ; rounds++) {
				await round();
				const cpu = process.cpuUsage(from), micros = cpu.user + cpu.system;
				if (micros >= ms * 1000) return micros * 1000 / rounds / cases.length;
			}
		};
		await spend(millis); // to warm up
		out[path.basename(file, '.json')] = {cases: cases.length, nanos: await spend(millis)};
	}
	console.log(JSON.stringify(out));
})();
