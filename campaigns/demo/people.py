"""Who the demo firm's clients are: what they would say of themselves, and the taste nobody can see."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

FIRST = (
    "Aaliyah", "Abigail", "Adam", "Aisha", "Alasdair", "Alice", "Amara", "Amir", "Amelia", "Anika", "Anna",
    "Anthony", "Arjun", "Arthur", "Ayesha", "Beatrice", "Ben", "Bronwen", "Callum", "Cara", "Carys",
    "Catherine", "Charlotte", "Chidi", "Chloe", "Conor", "Cerys", "Daniel", "David", "Deepak", "Dilys",
    "Dominic", "Dorothy", "Edith", "Eilidh", "Eleanor", "Elif", "Ella", "Emeka", "Emma", "Esme", "Ewan",
    "Farah", "Fatima", "Felix", "Fiona", "Frances", "Freya", "Gareth", "George", "Georgia", "Grace", "Greta",
    "Gwen", "Hamish", "Hannah", "Harold", "Harriet", "Hassan", "Helen", "Henry", "Hiroshi", "Hugh", "Ibrahim",
    "Idris", "Imogen", "Ines", "Iris", "Isaac", "Isla", "Jack", "Jacob", "James", "Jasmine", "Jean", "Joan",
    "Joseph", "Josie", "Kamal", "Karen", "Katarzyna", "Keira", "Kenji", "Kwame", "Laila", "Laura", "Leo",
    "Lewis", "Liam", "Lily", "Linda", "Lucy", "Luca", "Magda", "Maisie", "Malcolm", "Margaret", "Maria",
    "Marcus", "Martha", "Mary", "Mateusz", "Maya", "Megan", "Mei", "Michael", "Mohammed", "Molly", "Morag",
    "Nadia", "Naomi", "Ngozi", "Niamh", "Nia", "Nigel", "Nikhil", "Noah", "Nora", "Olive", "Oliver", "Olivia",
    "Omar", "Oscar", "Owen", "Patience", "Patrick", "Paul", "Pauline", "Penelope", "Peter", "Philip", "Priya",
    "Quentin", "Rachel", "Rafael", "Rahul", "Rebecca", "Rhys", "Robert", "Rosa", "Rosalind", "Rowan", "Ruby",
    "Ruth", "Safiya", "Saira", "Sam", "Samira", "Sandra", "Sarah", "Sean", "Seren", "Shanice", "Sian", "Simon",
    "Sofia", "Stella", "Stephen", "Sunil", "Susan", "Tariq", "Tessa", "Theo", "Thomas", "Tobias", "Tomasz",
    "Uma", "Ursula", "Valerie", "Victor", "Violet", "Wei", "William", "Winifred", "Xin", "Yasmin", "Yusuf",
    "Zainab", "Zara", "Zoe",
)  # fmt: skip
LAST = (
    "Adeyemi", "Ahmed", "Ali", "Allen", "Anderson", "Armstrong", "Bailey", "Baker", "Barnes", "Begum", "Bell",
    "Bennett", "Brooks", "Brown", "Campbell", "Carter", "Chowdhury", "Clarke", "Collins", "Cooper", "Cox",
    "Davies", "Dawson", "Dixon", "Douglas", "Edwards", "Ellis", "Evans", "Ferguson", "Fisher", "Fletcher",
    "Foster", "Fraser", "Gallagher", "Gibson", "Gordon", "Graham", "Grant", "Gray", "Green", "Griffiths",
    "Gupta", "Hall", "Hamilton", "Harris", "Harrison", "Hassan", "Henderson", "Hughes", "Hunter", "Hussain",
    "Iqbal", "Islam", "Jackson", "James", "Jenkins", "Johnson", "Johnston", "Jones", "Kapoor", "Kaur", "Kelly",
    "Kennedy", "Khan", "King", "Kowalski", "Kumar", "Lewis", "Lloyd", "MacDonald", "MacKenzie", "Malik",
    "Marshall", "Martin", "Mason", "McCarthy", "McLean", "Mensah", "Miller", "Mitchell", "Moore", "Morgan",
    "Morris", "Murphy", "Murray", "Nguyen", "Novak", "Nowak", "O'Brien", "O'Connor", "Okafor", "Okonkwo",
    "Owen", "Parker", "Patel", "Pearson", "Phillips", "Powell", "Price", "Quinn", "Rahman", "Reid", "Richards",
    "Roberts", "Robertson", "Robinson", "Rogers", "Ross", "Russell", "Ryan", "Schmidt", "Scott", "Shah",
    "Sharma", "Shaw", "Silva", "Simpson", "Singh", "Smith", "Stevens", "Stewart", "Sullivan", "Tan", "Taylor",
    "Thomas", "Thompson", "Turner", "Walker", "Wallace", "Walsh", "Ward", "Watson", "Webb", "White", "Williams",
    "Wilson", "Wood", "Wright", "Yeung", "Young", "Zhang",
)  # fmt: skip
GOALS = ("retirement", "house", "education", "security", "growth")
RISK = ("cautious", "balanced", "growth")
EXPERIENCE = ("new", "some", "experienced")
STAGES = ("starting_out", "building", "family", "pre_retirement", "retired")
ZONES = ("Europe/London",) * 17 + ("Europe/Dublin", "America/New_York", "Asia/Singapore")


@dataclass(frozen=True, slots=True)
class People:
    """n people as columns. `warmth`, `curiosity`, `thrift` are hidden tastes in [0, 1] that behaviour follows.

    age in whole years · since: datetime each joined · stage, goal, risk, experience: index into the tuples above
    """

    at: datetime
    first: list[str]
    last: list[str]
    age: np.ndarray
    since: list[datetime]
    stage: np.ndarray
    goal: np.ndarray
    risk: np.ndarray
    experience: np.ndarray
    horizon: np.ndarray
    zone: list[str]
    warmth: np.ndarray
    curiosity: np.ndarray
    thrift: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    def born_on(self, index: int) -> date:
        """A birthday that fits the age; the same on every call."""
        return (self.at - timedelta(days=int(self.age[index]) * 365.25 + (index * 37) % 365)).date()


def make(n: int, *, rng: np.random.Generator, at: datetime) -> People:
    """Draw n people who belong together: older ones nearer retirement, cautious ones with shorter horizons."""
    age = np.clip(rng.gamma(9.0, 5.2, n), 19, 88).astype(int)
    stage = np.select([age < 30, age < 45, age < 56, age < 67], [0, 1, 2, 3], 4)
    preference = np.array(
        [
            [0.20, 0.42, 0.04, 0.20, 0.14],
            [0.24, 0.20, 0.28, 0.16, 0.12],
            [0.48, 0.06, 0.16, 0.12, 0.18],
            [0.72, 0.01, 0.05, 0.14, 0.08],
            [0.50, 0.01, 0.09, 0.30, 0.10],
        ]
    )
    goal = _draw(preference[stage], rng)
    bold = np.clip(rng.beta(2.2, 2.6, n) + 0.12 * (stage < 2) - 0.14 * (stage == 4), 0, 1)
    risk = np.digitize(bold, [0.40, 0.68])
    experience = _draw(np.array([[0.55, 0.35, 0.10], [0.35, 0.45, 0.20], [0.18, 0.44, 0.38]])[risk], rng)
    horizon = np.clip(np.where(goal == 0, 67 - age, rng.gamma(3.0, 2.6, n)), 1, 45).astype(int)
    tenure_days = np.minimum(rng.gamma(1.6, 420, n), 3600) + 3
    first = rng.choice(FIRST, n).tolist()
    last = rng.choice(LAST, n).tolist()
    return People(
        at=at,
        first=first,
        last=last,
        age=age,
        since=[at - timedelta(days=float(days)) for days in tenure_days],
        stage=stage,
        goal=goal,
        risk=risk,
        experience=experience,
        horizon=horizon,
        zone=[ZONES[index] for index in rng.integers(0, len(ZONES), n)],
        warmth=rng.beta(2.4, 3.0, n),
        curiosity=rng.beta(1.8, 2.2, n),
        thrift=rng.beta(2.0, 2.0, n),
    )


def _draw(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One index per row, drawn by that row's weights."""
    edges = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    return (rng.random((len(weights), 1)) > edges).sum(axis=1).clip(max=weights.shape[1] - 1)
