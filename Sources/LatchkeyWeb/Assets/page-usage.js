/** Usage: what the calls of the signed-in user took and cost, and budgets that stop them. */
import { budgetsCard } from "./page-budgets.js";
import { loadUsage, rangeOf, usageView } from "./page-usage-views.js";
import { open, service } from "./shell.js";

const read = (query) => service.getUsage(query);

open({
    name: "usage",
    access: "user",
    load: async () => {
        const [first, budgets, status, catalogue] = await Promise.all([
            loadUsage(read, rangeOf("30")),
            service.listBudgets(),
            service.getStatus(),
            service.listProviders(),
        ]);
        return { first, budgets, status, names: new Map(catalogue.providers.map(({ id, name }) => [id, name])) };
    },
    show: (main, _, { first, budgets, status, names }) => {
        const calls = {
            list: () => service.listBudgets(),
            set: (budget) => service.setBudget(budget),
            remove: (which) => service.removeBudget(which),
        };
        main.append(
            usageView({ read, readCSV: (query) => service.getUsageCSV(query), names, first }),
            budgetsCard({ budgets: budgets.budgets, calls, setBy: "user", keys: status.keys, names }),
        );
        if (location.hash === "#budgets") document.getElementById("budgets").scrollIntoView();
    },
});
