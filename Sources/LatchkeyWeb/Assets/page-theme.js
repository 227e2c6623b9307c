// Runs before the first paint, so that neither colours nor direction change under the reader's eyes.
(() => {
    const root = document.documentElement;
    const read = (name) => {
        try {
            return localStorage.getItem(name);
        } catch {
            return null; // storage is switched off: the system's choice holds
        }
    };
    const theme = read("latchkey-theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;

    const known = ["en", "de"];
    const wished = [read("latchkey-language"), ...navigator.languages].map((tag) =>
        (tag ?? "").slice(0, 2).toLowerCase(),
    );
    root.lang = wished.find((tag) => known.includes(tag)) ?? "en";

    const preload = document.createElement("link");
    preload.rel = "modulepreload";
    preload.href = `/ui/page-messages-${root.lang}.js`;
    document.head.append(preload);
})();
